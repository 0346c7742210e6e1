from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.data.splitting import GivenSplit, GroupSplit, HashSplit, Split, TimeSplit, positions
from tasks.errors import DataError

SIDES = {"train", "validation", "test"}
tables = st.lists(st.tuples(st.one_of(st.none(), st.floats(allow_infinity=False)), st.text(max_size=5)), max_size=40)


def frame_of(rows: list[tuple[float | None, str]]) -> pd.DataFrame:
    return pd.DataFrame({"n": pd.Series([r[0] for r in rows], dtype="float64"),
                         "t": pd.Series([r[1] for r in rows], dtype=object)})


def numbered(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"n": np.arange(rows, dtype=float), "g": [f"g{i % 50}" for i in range(rows)]})


SPLITS = [HashSplit(), GivenSplit(last=3), GroupSplit(column="t"), TimeSplit(column="n")]


@given(tables, st.sampled_from(SPLITS), st.text(max_size=3))
def test_every_row_is_on_one_side(rows: list[tuple[float | None, str]], split: Split, salt: str) -> None:
    sides = split.sides(frame_of(rows), salt)
    assert len(sides) == len(rows)
    assert set(sides) <= SIDES


@given(tables, tables)
def test_a_row_never_changes_sides_as_data_grows(old: list[tuple[float | None, str]],
                                                 new: list[tuple[float | None, str]]) -> None:
    split = HashSplit()
    assert split.sides(frame_of(old), "s").tolist() == split.sides(frame_of(old + new), "s").tolist()[:len(old)]


def test_duplicates_stay_together() -> None:
    sides = HashSplit().sides(pd.concat([numbered(200)] * 2), "s")
    assert sides[:200].tolist() == sides[200:].tolist()


def test_shares_are_nearly_met() -> None:
    sides = pd.Series(HashSplit(validation=0.1, test=0.3).sides(numbered(20_000), "s"))
    assert sides.value_counts(normalize=True).to_dict() == pytest.approx(
        {"train": 0.6, "test": 0.3, "validation": 0.1}, abs=0.02)


def test_the_salt_draws_other_sides() -> None:
    first, second = (HashSplit().sides(numbered(500), salt) for salt in ("a", "b"))
    assert 0.3 < np.mean(first != second) < 0.8


def test_the_place_of_a_row_is_fixed_for_good() -> None:
    """These numbers may never change: rows of every project would change sides."""
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]})
    assert positions(frame, "farrier").tolist() == [0.9247567995531237, 0.4417145916472822]


def test_content_alone_counts() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    same = [frame[["b", "a"]], frame.astype({"a": "float64"}), frame.astype({"b": object}), frame.set_axis([7, 9])]
    for other in same:
        assert positions(other, "s").tolist() == positions(frame, "s").tolist()
    assert positions(pd.DataFrame({"a": [-0.0]}), "s") == positions(pd.DataFrame({"a": [0.0]}), "s")
    other_nan = pd.DataFrame({"a": np.array([0xFFF8000000000001], dtype="u8").view("f8")})
    assert positions(other_nan, "s") == positions(pd.DataFrame({"a": [np.nan]}), "s")
    assert positions(pd.DataFrame({"a": [None]}), "s") != positions(pd.DataFrame({"a": ["None"]}), "s")


def test_chosen_columns_decide() -> None:
    frame = numbered(300)
    split = HashSplit(columns=("g",))
    assert split.sides(frame, "s").tolist() == split.sides(frame.assign(n=0.0), "s").tolist()


def test_a_group_stays_together() -> None:
    frame = numbered(1000).assign(side=GroupSplit(column="g").sides(numbered(1000), "s"))
    assert len(frame[["g", "side"]].drop_duplicates()) == frame["g"].nunique()
    assert set(frame["side"]) == SIDES


def test_time_puts_the_last_rows_aside() -> None:
    frame = numbered(100).sample(frac=1, random_state=0)
    sides = pd.Series(TimeSplit(column="n").sides(frame, "s"), index=frame["n"])
    assert sides.value_counts().to_dict() == {"train": 60, "validation": 20, "test": 20}
    assert sides[sides == "train"].index.max() < sides[sides == "validation"].index.min()
    assert sides[sides == "validation"].index.max() < sides[sides == "test"].index.min()


def test_equal_times_stay_together() -> None:
    frame = pd.DataFrame({"day": pd.to_datetime(["2024-01-01"] * 5 + ["2024-01-02"] * 3 + ["2024-01-03"] * 2)})
    sides = TimeSplit(column="day").sides(frame, "s")
    assert sides.tolist() == ["train"] * 5 + ["validation"] * 3 + ["test"] * 2


def test_something_must_be_left_to_train() -> None:
    with pytest.raises(ValidationError, match="nothing to train on"):
        HashSplit(validation=0.5, test=0.5)


def test_a_column_says_what_is_test() -> None:
    frame = numbered(500).assign(part=["train.csv", "train.csv", "test.csv", "train.csv", "check.csv"] * 100)
    sides = pd.Series(GivenSplit(column="part", tests=("test.csv",), validations=("check.csv",)).sides(frame, "s"))
    assert pd.crosstab(frame["part"], sides).to_dict() == {
        "test": {"check.csv": 0, "test.csv": 100, "train.csv": 0},
        "train": {"check.csv": 0, "test.csv": 0, "train.csv": 300},
        "validation": {"check.csv": 100, "test.csv": 0, "train.csv": 0}}
    drawn = pd.Series(GivenSplit(column="part", tests=("test.csv",), validation=0.25).sides(frame, "s"))
    assert drawn.value_counts()["test"] == 100
    assert drawn.value_counts()["validation"] == pytest.approx(100, abs=30)


def test_the_last_rows_are_test_and_validation_stands_before_them() -> None:
    sides = GivenSplit(last=20, validation=0.25).sides(numbered(100), "s").tolist()
    assert sides == ["train"] * 60 + ["validation"] * 20 + ["test"] * 20


@pytest.mark.parametrize("given", [{}, {"column": "g"}, {"tests": ["a"]}, {"column": "g", "tests": ["a"], "last": 3}])
def test_a_given_split_says_by_what(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="write either"):
        GivenSplit.model_validate(given)


def test_a_test_file_that_gave_no_row_is_named() -> None:
    with pytest.raises(DataError, match=r"no row has 'tset.csv' in column 'g', which holds \['g0', 'g1'"):
        GivenSplit(column="g", tests=("tset.csv",)).sides(numbered(100), "s")
