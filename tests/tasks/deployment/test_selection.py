from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from tasks.deployment.selection import Selection, select
from tasks.deployment.settings import DeploymentSettings, Margin
from tasks.errors import DeploymentError
from tasks.records import (
    Artifact,
    Budgets,
    Candidate,
    Estimate,
    Evidence,
    Failed,
    Fingerprint,
    Measurement,
    Model,
    Parity,
    Recipe,
    Refusal,
)

Answers = npt.NDArray[Any]
ROWS, TEST_ROWS = 400, 450
TRUTH = np.tile([0, 1], ROWS // 2)
FILE = Artifact(uri="file:///none", sha256="0" * 64, size_bytes=1)
SETTINGS = DeploymentSettings(margin=Margin(drop=0.02))
FIGURES = ("latency_p50_ms", "latency_p99_ms", "throughput_per_s", "cpu_s_per_1000", "quality")


class Place(NamedTuple):
    name: str = "here"
    budgets: Budgets = Budgets()
    accepts: tuple[Evidence, ...] = ("measured",)


HERE = Place()


def number(value: float, spread: float = 0.0) -> Estimate:
    return Estimate(value=value, low=value - spread, high=value + spread, method="made up", n=7)


def candidate(name: str, *chain: str, start: str = "champion") -> Candidate:
    recipe = Recipe(name=name, start=start, chain=json.dumps([{"kind": kind} for kind in chain]))
    return Candidate(name=name, model=Model(form="onnx", artifact=FILE), recipe=recipe, family="mlp", parent="0" * 64,
                     size_bytes=1, quality=number(1.0), answers=FILE,
                     parity=Parity(rows=1, largest_difference=0, tolerance=0))


def measured(name: str, cost: float = 1.0, spread: float = 0.0, **other: Any) -> Measurement:
    """A candidate whose timings are `cost`, each round the same but for `spread`."""
    timings = {"latency_p50_ms": number(cost, spread), "latency_p99_ms": number(2 * cost, spread),
               "throughput_per_s": number(1000 / cost, spread), "cpu_s_per_1000": number(cost, spread)}
    rounds = {key: tuple(cost + spread * (-1) ** i for i in range(8))
              for key in ("p50_ms", "p99_ms", "throughput_per_s", "cpu_s_per_1000")}
    fields = timings | {"rounds": rounds, "memory_bytes": 100, "size_bytes": 100, "quality": number(1.0),
                        "evidence": "measured", "target": "here"} | other
    machine = Fingerprint(cpu="x", isa=(), cores=1, memory_bytes=1, system="x", versions={})
    return Measurement(candidate=name, scenario="single-stream", answers=FILE, fingerprint=machine, shortened=True,
                       **fields)


def answers(wrong: int = 0) -> Answers:
    right = np.arange(ROWS) >= wrong
    positive = np.where(right == (TRUTH == 1), 0.9, 0.1)
    return np.stack([1 - positive, positive], axis=1)


KEEP, QUANTIZED, PRUNED = candidate("keep", "keep"), candidate("int8", "quantize"), candidate("pruned", "prune")


def choose(
    measurements: list[Measurement | Failed], place: Place = HERE, wrong: dict[str, Any] | None = None,
    candidates: tuple[Candidate, ...] = (KEEP, QUANTIZED, PRUNED), settings: DeploymentSettings = SETTINGS,
    metric: str = "accuracy", test_rows: int = TEST_ROWS,
) -> Selection | Refusal:
    given = {c.name: answers() for c in candidates} | {
        name: answers(value) if isinstance(value, int) else value for name, value in (wrong or {}).items()}
    return select(place, candidates, measurements, answers(), TRUTH, test_rows, metric, settings,
                  answers={name: value for name, value in given.items() if value is not None})


def chosen(*args: Any, **asked: Any) -> Selection:
    found = choose(*args, **asked)
    assert isinstance(found, Selection), found
    return found


def standings(found: Selection) -> dict[str, str]:
    return {row.candidate: row.standing for row in found.rows}


def misses(found: Selection | Refusal, name: str) -> list[str]:
    rows = found.rows if isinstance(found, Selection) else ()
    return [miss.what for row in rows if row.candidate == name for miss in row.misses]


ALL = [measured("keep", 3, size_bytes=300), measured("int8", 2, size_bytes=100), measured("pruned", 1, size_bytes=200)]


def test_the_rule_picks_from_the_front_and_every_other_is_told_why() -> None:
    found = chosen(ALL)
    assert found.chosen == "pruned"
    assert found.front == ("int8", "pruned")
    assert standings(found) == {"keep": "dominated", "int8": "costlier", "pruned": "chosen"}
    assert found.fallback == ("keep",)


@pytest.mark.parametrize(("rule", "name"), [("size_bytes", "int8"), ("latency_p99_ms", "pruned"),
                                            ("throughput_per_s", "pruned")])
def test_another_rule_picks_another(rule: Any, name: str) -> None:
    assert chosen(ALL, settings=SETTINGS.model_copy(update={"rule": rule})).chosen == name


@pytest.mark.parametrize("budgets", [
    Budgets(latency_p50_ms=1.05), Budgets(latency_p99_ms=2.05), Budgets(cpu_s_per_1000=1.05),
    Budgets(throughput_per_s=999.95), Budgets(memory_bytes=99), Budgets(size_bytes=99),
])
def test_a_budget_counts_by_the_pessimistic_end(budgets: Budgets) -> None:
    """The estimate itself would meet each timing; the far end of its interval does not."""
    (what,) = budgets.model_dump(exclude_none=True)
    found = choose([measured("keep", 1.0, 0.1)], Place(budgets=budgets), candidates=(KEEP,))
    assert isinstance(found, Refusal)
    assert [miss.what for miss in found.misses] == [what]
    assert chosen([measured("keep", 1.0, 0.01, memory_bytes=9, size_bytes=9)], Place(budgets=budgets),
                  candidates=(KEEP,)).chosen == "keep"


def test_a_budget_that_is_just_met_is_met() -> None:
    assert chosen([measured("keep", 1.0)], Place(budgets=Budgets(latency_p50_ms=1.0, size_bytes=100)),
                  candidates=(KEEP,)).chosen == "keep"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("budgets", [Budgets(), Budgets(latency_p50_ms=1e9, throughput_per_s=1e-9)])
def test_a_figure_that_is_no_number_is_never_good_enough(figure: str, value: float, budgets: Budgets) -> None:
    found = choose([measured("keep", **{figure: number(value)})], Place(budgets=budgets), candidates=(KEEP,))
    assert isinstance(found, Refusal)
    assert figure in [miss.what for miss in found.misses]


@pytest.mark.parametrize("figure", ["memory_bytes", "size_bytes"])
def test_a_size_of_nothing_was_not_measured(figure: str) -> None:
    found = choose([measured("keep", **{figure: 0})], Place(budgets=Budgets(memory_bytes=10**9)), candidates=(KEEP,))
    assert isinstance(found, Refusal)
    assert [miss.what for miss in found.misses] == [figure]


def test_an_upper_end_that_is_no_number_meets_no_budget() -> None:
    odd = Estimate(value=1.0, low=1.0, high=float("nan"), method="made up", n=1)
    assert isinstance(choose([measured("keep", latency_p99_ms=odd)], Place(budgets=Budgets(latency_p99_ms=9)),
                             candidates=(KEEP,)), Refusal)


def test_what_was_not_measured_here_is_not_chosen() -> None:
    elsewhere = measured("int8", 0.1, target="there")
    failed = Failed(name="pruned", recipe=PRUNED.recipe, reason="did not build")
    found = chosen([measured("keep"), elsewhere, failed])
    assert found.chosen == "keep"
    assert misses(found, "int8") == misses(found, "pruned") == ["measurement"]


@pytest.mark.parametrize(("accepts", "name"), [(("measured",), "keep"), (("measured", "emulated"), "int8")])
def test_evidence_that_the_target_does_not_accept_meets_nothing(accepts: Any, name: str) -> None:
    found = chosen([measured("keep", 2), measured("int8", 1, evidence="emulated")], Place(accepts=accepts),
                   candidates=(KEEP, QUANTIZED))
    assert found.chosen == name


@pytest.mark.parametrize(("wrong", "what"), [
    (9, ["bound of the drop", "planned power"]), (3, ["planned power"]), (None, ["answers"]),
    (answers()[:7], ["answers"]), (np.full((ROWS, 2), np.nan), ["answers"]),
])
def test_the_cheapest_is_not_sent_to_the_gate_for_being_cheap(wrong: Any, what: list[str]) -> None:
    found = chosen(ALL, wrong={"pruned": wrong})
    assert found.chosen == "int8"
    assert misses(found, "pruned") == what


def test_a_candidate_on_few_validation_rows_can_still_be_sent() -> None:
    """One of 400 rows lost is no reason to keep the champion."""
    assert chosen(ALL, wrong={"pruned": 1}).chosen == "pruned"


def test_test_rows_too_few_to_show_anything_send_only_the_champion_itself() -> None:
    found = chosen(ALL, test_rows=60)
    assert (found.chosen, found.front, found.fallback) == ("keep", (), ())
    assert misses(found, "int8") == ["planned power"]


def test_the_champion_is_no_way_around_a_budget() -> None:
    found = choose(ALL, Place(budgets=Budgets(size_bytes=250)), wrong={"int8": 9, "pruned": 9})
    assert isinstance(found, Refusal)


def test_a_keep_that_answers_otherwise_is_not_the_champion() -> None:
    assert isinstance(choose(ALL, wrong={"keep": 30, "int8": 30, "pruned": 30}), Refusal)


def test_another_familys_keep_is_no_fallback() -> None:
    other = candidate("other", "keep", start="forest")
    found = chosen([measured("other"), measured("int8", 2)], candidates=(other, QUANTIZED))
    assert found.fallback == ()


def test_what_cannot_be_told_from_the_best_goes_to_the_smaller() -> None:
    """int8 is 5 % dearer in the mean, and its rounds scatter by more than that."""
    close = [measured("pruned", 1.0, size_bytes=200), measured("int8", 1.05, 0.3, size_bytes=100)]
    found = chosen(close, candidates=(QUANTIZED, PRUNED))
    assert found.chosen == "int8"
    assert standings(found) == {"int8": "chosen", "pruned": "tied"}


def test_a_steady_difference_is_no_tie() -> None:
    close = [measured("pruned", 1.0, size_bytes=200), measured("int8", 1.05, 0.0, size_bytes=100)]
    assert chosen(close, candidates=(QUANTIZED, PRUNED)).chosen == "pruned"


def test_equal_sizes_go_to_the_simpler() -> None:
    long = candidate("a-long", "prune", "quantize")
    found = chosen([measured("a-long"), measured("int8")], candidates=(long, QUANTIZED))
    assert found.chosen == "int8"
    assert chosen([measured("a-long"), measured("keep")], candidates=(long, KEEP)).chosen == "keep"


def test_a_refusal_names_the_nearest_and_by_how_much_it_missed() -> None:
    found = choose(ALL, Place(budgets=Budgets(size_bytes=90)))
    assert isinstance(found, Refusal)
    assert found.nearest == "int8"
    assert [(miss.what, miss.value, miss.allowed) for miss in found.misses] == [("size_bytes", 100, 90)]
    assert "int8 is the nearest" in found.reason


def test_many_small_misses_are_farther_than_a_lone_one_that_is_larger() -> None:
    """keep misses three budgets by 1.3, int8 one by 1.7."""
    keep = measured("keep", size_bytes=130, memory_bytes=130, latency_p50_ms=number(1.3))
    int8 = measured("int8", size_bytes=170, memory_bytes=100, latency_p50_ms=number(1.0))
    found = choose([keep, int8], Place(budgets=Budgets(size_bytes=100, memory_bytes=100, latency_p50_ms=1)))
    assert isinstance(found, Refusal)
    assert found.nearest == "int8"


@pytest.mark.parametrize(("middle", "likely"), [(0.03, 0.03), (1.5, None)])
def test_a_miss_tells_whether_only_the_far_end_of_an_interval_is_too_large(middle: float, likely: float | None) -> None:
    unsteady = measured("keep", latency_p99_ms=number(middle).model_copy(update={"high": 2.0}))
    found = choose([unsteady], Place(budgets=Budgets(latency_p99_ms=1)))
    assert isinstance(found, Refusal)
    assert [(miss.value, miss.likely) for miss in found.misses if miss.what == "latency_p99_ms"] == [(2, likely)]


def test_what_was_not_measured_is_never_the_nearest() -> None:
    found = choose([measured("keep", size_bytes=10**9)], Place(budgets=Budgets(size_bytes=1)))
    assert isinstance(found, Refusal)
    assert found.nearest == "keep"


def test_no_candidate_is_a_refusal() -> None:
    found = choose([], candidates=())
    assert isinstance(found, Refusal)
    assert "no candidate" in found.reason


def test_an_area_that_hangs_on_one_row_is_no_evidence() -> None:
    truth = (np.arange(ROWS) == 7).astype(int)
    found = select(HERE, (KEEP,), [measured("keep")], answers(), truth, TEST_ROWS, "roc_auc", SETTINGS,
                   answers={"keep": answers()})
    assert isinstance(found, Refusal)
    assert [(miss.what, miss.value) for miss in found.misses] == [
        ("answers", "roc_auc hangs on a single row of a class")]


def test_a_champion_without_answers_is_an_error() -> None:
    with pytest.raises(DeploymentError, match="champion"):
        select(Place(), (KEEP,), [measured("keep")], np.full((ROWS, 2), np.nan), TRUTH, TEST_ROWS, "accuracy", SETTINGS,
               answers={"keep": answers()})


@pytest.mark.parametrize(("metric", "margin"), [("log_loss", 0.3), ("f1", 0.05)])  # so much one row can cost
def test_other_metrics_have_the_same_gates(metric: str, margin: float) -> None:
    settings = SETTINGS.model_copy(update={"margin": Margin(drop=margin)})
    found = chosen(ALL, wrong={"pruned": 60}, metric=metric, settings=settings)
    assert found.chosen == "int8"
    assert misses(found, "pruned") == ["bound of the drop", "planned power"]
