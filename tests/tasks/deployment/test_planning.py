from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.data.proposal import Part, Proposal
from tasks.data.settings import DataSettings
from tasks.data.sources import Synthetic
from tasks.deployment.certification import compare
from tasks.deployment.noninferiority import chance_to_pass
from tasks.deployment.planning import CHANGED, MARGINS, WIDEST, least_margin, plan
from tasks.deployment.settings import DeploymentSettings
from tasks.records import Column, Rows, Schema

LABELS = ("no", "yes")


def proposal(test: int, parts: dict[str, dict[str, int]], task: Any = "binary") -> Proposal:
    kind: Any = "number" if task == "regression" else "category"
    target = Column(name="y", kind=kind, dtype="string", categories=() if task == "regression" else LABELS)
    columns = tuple(Column(name=name, kind="category", dtype="string", categories=tuple(values))
                    for name, values in parts.items() if name != "y")
    return Proposal(
        data=DataSettings(source=Synthetic(), target="y"), target_evidence="", columns=(), ignored={},
        data_schema=Schema(columns=columns, target=target, task=task),
        rows=Rows(total=test + 2, train=1, validation=1, test=test, quarantine=0),
        parts={name: tuple(Part(value=value, rows=rows) for value, rows in values.items())
               for name, values in parts.items()})


@pytest.mark.parametrize("rows", [60, 100, 170, 290, 450, 1000])
def test_the_margin_is_the_least_that_an_unharmed_model_is_likely_to_clear(rows: int) -> None:
    found = least_margin(rows, level=0.95, power=0.8)
    assert found is not None
    assert chance_to_pass(rows, found, 0.95, CHANGED / 2, CHANGED / 2) >= 0.8
    smaller = [margin for margin in MARGINS if margin < found]
    assert not smaller or chance_to_pass(rows, smaller[-1], 0.95, CHANGED / 2, CHANGED / 2) < 0.8


def test_few_rows_show_nothing() -> None:
    assert least_margin(12, level=0.95, power=0.8) is None
    few = plan(proposal(12, {"y": {"no": 7, "yes": 5}}))
    assert few.margin.drop == WIDEST
    assert "more rows" in few.evidence
    assert few.slices == ()


def test_slices_are_those_that_rows_can_show_each_with_a_margin_of_its_own() -> None:
    found = plan(proposal(1000, {"plan": {"a": 700, "b": 300}, "city": {"x": 900, "y": 90, "z": 10},
                                 "one": {"u": 990, "v": 10}, "y": {"no": 600, "yes": 400}}))
    assert {part.column: part.values for part in found.slices} == {
        "y": ("no", "yes"), "plan": ("a", "b"), "city": ("x", "y")}
    assert all(part.advisory for part in found.slices)
    margins = {part.column: part.margin.drop for part in found.slices}
    assert found.margin.drop is not None
    assert found.margin.drop <= margins["y"] <= margins["plan"] <= margins["city"]
    assert found.margin.drop < margins["city"]


def test_a_rare_class_is_judged_by_ranking_not_by_accuracy() -> None:
    rare = plan(proposal(1000, {"y": {"no": 950, "yes": 50}}))
    assert rare.primary == "roc_auc"
    assert rare.margin.drop == least_margin(50, level=0.95, power=0.8)
    truth = (np.arange(1000) < 50).astype(int)
    alike = compare("overall", "roc_auc", truth, np.eye(2)[truth], np.eye(2)[truth], rare.margin, DeploymentSettings())
    assert alike.outcome == "pass"
    assert "class yes" in rare.evidence
    assert plan(proposal(1000, {"y": {"no": 800, "yes": 200}})).primary == "accuracy"


@pytest.mark.parametrize(("rows", "share"), [(50, 0.1), (100, 0.05), (500, 0.02), (5000, 0.01)])
def test_a_regression_has_a_margin_relative_to_its_error(rows: int, share: float) -> None:
    found = plan(proposal(rows, {"plan": {"a": rows - 45, "b": 45}}, task="regression"))
    assert (found.primary, found.margin.relative) == ("mae", share)
    assert all((part.margin.relative or 0) > share for part in found.slices)
