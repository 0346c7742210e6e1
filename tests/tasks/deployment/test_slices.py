from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.deployment.settings import SliceSettings
from tasks.deployment.slices import members
from tasks.errors import SettingsError
from tasks.records import Column, Schema

SCHEMA = Schema(
    columns=(Column(name="color", kind="category", dtype="string", categories=("blue", "red", "white"), nullable=True),
             Column(name="doors", kind="number", dtype="double"), Column(name="id", kind="identifier", dtype="int64")),
    target=Column(name="y", kind="category", dtype="string", categories=("0", "1")), task="binary")
FRAME = pd.DataFrame({"color": ["red", "blue", None, "green"], "doors": [3, 5, np.nan, 3], "id": range(4),
                      "y": ["1", "0", "1", "1"]})
TRUTH = np.array([1, 0, 1, 1])


def rows(**asked: object) -> dict[str, list[int]]:
    found = members(FRAME, TRUTH, SCHEMA, SliceSettings.model_validate(asked))
    return {name: np.flatnonzero(mask).tolist() for name, mask in found}


def test_each_category_is_a_slice_with_rows_or_without_and_so_is_what_the_schema_does_not_know() -> None:
    assert rows(column="color") == {"color=": [2], "color=blue": [1], "color=green": [3], "color=red": [0],
                                    "color=white": []}


def test_declared_values_are_all_there_even_where_no_row_has_them() -> None:
    assert rows(column="color", values=["red", "pink"]) == {"color=red": [0], "color=pink": []}
    assert rows(column="doors", values=[3, 4]) == {"doors=3.0": [0, 3], "doors=4.0": []}


def test_the_target_may_be_sliced() -> None:
    assert rows(column="y") == {"y=0": [1], "y=1": [0, 2, 3]}


@pytest.mark.parametrize("column", ["colour", "id"])
def test_a_column_that_no_model_reads_is_refused_with_those_there_are(column: str) -> None:
    with pytest.raises(SettingsError, match="color, doors, y"):
        rows(column=column)


def test_numbers_need_values() -> None:
    with pytest.raises(SettingsError, match="doors"):
        rows(column="doors")


@pytest.mark.parametrize(("values", "categories"), [([8, 0.5], ("0.5", "8")), ([True, False], ("false", "true"))])
def test_values_of_a_category_are_spelled_as_preparation_spells_them(values: list[object],
                                                                     categories: tuple[str, ...]) -> None:
    schema = Schema(columns=SCHEMA.columns, task="binary",
                    target=Column(name="y", kind="category", dtype="string", categories=categories))
    part = SliceSettings.model_validate({"column": "y", "values": values})
    found = {name: mask.tolist() for name, mask in members(FRAME[:2], np.array([0, 1]), schema, part)}
    assert found == {f"y={categories[1]}": [False, True], f"y={categories[0]}": [True, False]}
