from __future__ import annotations

import pandas as pd
import pytest

from tasks.data.schema import kind_of, ordered, task_of
from tasks.data.settings import ColumnSettings
from tasks.records import ColumnKind, TaskKind

DAYS = pd.date_range("2024-01-01", periods=30, freq="D")


@pytest.mark.parametrize(("name", "values", "kind"), [
    ("age", [1, 2, 3], "number"),
    ("customer_id", [1, 2, 3], "identifier"),
    ("No", [3, 2, 1], "identifier"),
    ("customer_id", [1, 3, 2], "number"),
    ("valid", [1, 2, 3], "number"),
    ("paid", [True, False], "category"),
    ("paid", [True, None], "category"),
    ("plan", ["a", "b", "a"], "category"),
    ("name", [f"n{i}" for i in range(30)], "identifier"),
    ("day", DAYS, "time"),
    ("day", DAYS.strftime("%Y-%m-%d"), "time"),
    ("year", ["2024", "2025"], "number"),
    ("amount", [*map(str, range(99)), "oops"], "number"),
    ("amount", [*map(str, range(9)), "oops"], "category"),
    ("zip", ["007", "123", "123"], "category"),
    ("zip", [f"{number:05d}" for number in range(30)], "identifier"),
    ("share", ["0.5", "0", "-0.25"], "number"),
])
def test_values_tell_the_kind(name: str, values: list[object], kind: ColumnKind) -> None:
    assert kind_of(name, pd.Series(values)) == kind


@pytest.mark.parametrize(("values", "declared", "task"), [
    (["yes", "no"], {}, "binary"),
    ([0, 1, 1], {}, "binary"),
    ([0.0, 1.0], {}, "binary"),
    ([True, False], {}, "binary"),
    ([1, 2, 3], {}, "multiclass"),
    (["a", "b", "c", None], {}, "multiclass"),
    (list(range(30)), {}, "regression"),
    ([0.5, 1.5], {}, "regression"),
    ([0, 1], {"kind": "number"}, "regression"),
    ([*map(str, range(99)), "oops"], {}, "regression"),
    (list(range(30)), {"kind": "category"}, "multiclass"),
    (["a"], {"categories": ["a", "b"]}, "binary"),
    (["007", "123"], {"kind": "number"}, "regression"),
    ([f"{number:03d}" for number in range(30)], {}, "multiclass"),
])
def test_the_target_tells_the_task(values: list[object], declared: dict[str, object], task: TaskKind) -> None:
    assert task_of(pd.Series(values), ColumnSettings.model_validate(declared)) == task


def test_labels_of_numbers_are_ordered_by_value() -> None:
    assert ordered(["10", "2", "1"]) == ("1", "2", "10")
    assert ordered(["10", "2", "x"]) == ("10", "2", "x")
