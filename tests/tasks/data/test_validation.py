from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.settings import Expectation
from tasks.data.validation import Findings, validate
from tasks.errors import ExpectationsFailed, SettingsError

FRAME = pd.DataFrame({"age": [20.0, 30.0, np.nan, 150.0], "plan": ["a", "b", "x", "a"]}, index=[10, 20, 30, 40])
BETWEEN, IN_SET = "expect_column_values_to_be_between", "expect_column_values_to_be_in_set"
AGE = {"column": "age", "max_value": 100}


def checked(*asked: dict[str, object]) -> Findings:
    return validate(FRAME, [Expectation.model_validate(one) for one in asked])


def test_nothing_asked_is_nothing_found() -> None:
    assert checked() == Findings((), [])


def test_failing_rows_are_named_by_their_number() -> None:
    found = checked({"type": BETWEEN, "kwargs": AGE},
                    {"type": IN_SET, "kwargs": {"column": "plan", "value_set": ["a", "b"]}},
                    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "age"}})
    assert [(c.column, c.rows, c.words) for c in found.complaints] == [
        ("age", (40,), ("age: 150.0 breaks expect_column_values_to_be_between",)),
        ("plan", (30,), ("plan: x breaks expect_column_values_to_be_in_set",)),
        ("age", (30,), ("age: nan breaks expect_column_values_to_not_be_null",)),
    ]
    assert [(r["type"], r["success"], r["unexpected_count"]) for r in found.results] == [
        (BETWEEN, False, 1), (IN_SET, False, 1), ("expect_column_values_to_not_be_null", False, 1)]


def test_a_rule_over_two_columns_names_its_rows() -> None:
    frame = pd.DataFrame({"start": [1.0, 5.0], "end": [2.0, 3.0]})
    asked = Expectation(type="expect_column_pair_values_a_to_be_greater_than_b",
                        kwargs={"column_A": "end", "column_B": "start"})
    (complaint,) = validate(frame, [asked]).complaints
    assert complaint.rows == (1,)
    assert complaint.words[0].startswith("end, start: 3.0, 5.0 breaks")


def test_one_rule_asked_twice_is_answered_twice() -> None:
    assert len(checked({"type": BETWEEN, "kwargs": AGE}, {"type": BETWEEN, "kwargs": AGE}).results) == 2


def test_tolerated_rows_stay() -> None:
    found = checked({"type": BETWEEN, "kwargs": {**AGE, "mostly": 0.5}})
    assert found.complaints == ()
    assert found.results[0]["success"] is True


@pytest.mark.parametrize(("asked", "said"), [
    ({"type": BETWEEN, "kwargs": AGE, "severity": "stop"}, r"1 of 4 rows, as \[150\.0\]"),
    ({"type": BETWEEN, "kwargs": {**AGE, "mostly": 0.9}}, "1 of 4 rows"),
    ({"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 9}}, "observed 4"),
    ({"type": "expect_column_mean_to_be_between", "kwargs": {"column": "age", "max_value": 9}}, "observed 66"),
])
def test_a_broken_table_stops_the_run(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ExpectationsFailed, match=said):
        checked(asked)


@pytest.mark.parametrize(("asked", "said"), [
    ({"type": "expect_column_values_to_be_betwen", "kwargs": AGE}, f"no expectation. The nearest is '{BETWEEN}'"),
    ({"type": BETWEEN, "kwargs": {"column": "age", "max_valeu": 1}}, "The nearest is 'max_value'"),
    ({"type": BETWEEN, "kwargs": {"column": "agee", "max_value": 1}}, "The nearest is 'age'"),
    ({"type": BETWEEN, "kwargs": {"column": "age", "max_value": "much"}}, "is impossible"),
    ({"type": BETWEEN, "kwargs": {"column": "age"}}, "is impossible"),
    ({"type": BETWEEN, "kwargs": {"column": "plan", "max_value": 1}}, "cannot be run"),
])
def test_what_the_library_would_drop_or_skip_is_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        checked(asked)
