from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.casting import as_kind, as_text, cast
from tasks.data.settings import ColumnSettings
from tasks.errors import DataError
from tasks.records import ColumnKind


def reasons(values: list[object], kind: ColumnKind, *, needed: bool = False, **declared: object) -> dict[int, str]:
    column = ColumnSettings.model_validate(declared)
    found = cast(pd.DataFrame({"c": values}), {"c": kind}, {"c": column}, ("c",) if needed else ())
    return {row: words for one in found.complaints for row, words in zip(one.rows, one.words, strict=True)}


@pytest.mark.parametrize(("values", "labels"), [
    ([1, 2], ["1", "2"]),
    ([1.0, None, 2.5], ["1", None, "2.5"]),
    ([True, False, None], ["true", "false", None]),
    (["x", "", None], ["x", None, None]),
    (["1.0", "01"], ["1.0", "01"]),
])
def test_labels_are_text(values: list[object], labels: list[str | None]) -> None:
    assert as_text(pd.Series(values)).tolist() == labels


@pytest.mark.parametrize(("values", "kind", "declared", "found"), [
    (["1", "x", "2", "3"], "number", {}, {1: "c: 'x' is not a number"}),
    (["1", "", "2", None], "number", {}, {}),
    ([1.0, np.inf, -np.inf], "number", {}, {1: "c: inf is infinite", 2: "c: -inf is infinite"}),
    ([1.0, 1e39], "number", {}, {1: "c: 1e+39 is infinite"}),
    ([1, 5, 9], "number", {"low": 2, "high": 8}, {0: "c: 1 is below 2", 2: "c: 9 is above 8"}),
    ([1.0, None], "number", {"low": 0}, {}),
    ([1.0, None], "number", {"nullable": False}, {1: "c: is missing"}),
    (["a", "b", None], "category", {"categories": ["a"]}, {1: "c: 'b' is not one of the declared categories"}),
    (["2024-01-02", "soon", "2024-01-03"], "time", {}, {1: "c: 'soon' is not a time"}),
    (["02.01.2024", "03.01.2024"], "time", {"format": "%d.%m.%Y"}, {}),
    (["", "a"], "identifier", {"nullable": False}, {0: "c: is missing"}),
])
def test_each_bad_value_gets_its_reason(values: list[object], kind: ColumnKind, declared: dict[str, object],
                                        found: dict[int, str]) -> None:
    assert reasons(values, kind, **declared) == found


def test_a_needed_column_may_not_be_missing() -> None:
    assert reasons(["a", None], "category", needed=True) == {1: "c: is missing"}


@pytest.mark.parametrize(("values", "kind"), [(["a", "b", "3"], "number"), (["monday", "x"], "time")])
def test_a_column_of_another_type_stops_everything(values: list[object], kind: ColumnKind) -> None:
    with pytest.raises(DataError, match=f"column 'c' should be a {kind}, and 2 of its"):
        reasons(values, kind)


def test_times_are_utc() -> None:
    times = as_kind(pd.Series(["2024-01-01T12:00:00+02:00", "2024-01-01T12:00:00"]), "time")
    assert times.tolist() == [pd.Timestamp("2024-01-01 10:00"), pd.Timestamp("2024-01-01 12:00")]


def test_the_raw_frame_is_left_alone() -> None:
    raw = pd.DataFrame({"c": ["1", "x", "2"]})
    before = raw.copy()
    cast(raw, {"c": "number"}, {"c": ColumnSettings()}, ())
    pd.testing.assert_frame_equal(raw, before)
