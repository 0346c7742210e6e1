from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.collection import collect
from tasks.data.looking import Wish
from tasks.data.preparation import prepare
from tasks.data.proposal import WIDE, Proposal, expectations, propose, spared
from tasks.data.settings import DataSettings
from tasks.data.sources import File
from tasks.errors import DataError
from tasks.records import Column, Schema
from tasks.store import Store

FLOATS = st.floats(-1e30, 1e30, allow_subnormal=False)


@pytest.fixture
def rows() -> pd.DataFrame:
    draw = np.random.default_rng(3)
    frame = pd.DataFrame({
        "age": draw.integers(18, 90, 500), "spent": draw.lognormal(4, 1, 500).round(2),
        "plan": draw.choice(["basic", "family", "premium"], 500), "rare": ["often"] * 498 + ["once", "twice"],
        "city": draw.choice(["Bern", "Genève"], 500)})
    frame["churned"] = np.where(frame["age"] + draw.normal(0, 10, 500) > 54, "yes", "no")
    frame.loc[::10, "city"] = None
    return frame


def proposed(rows: pd.DataFrame, folder: Path, store: Store, **wish: Any) -> Proposal:
    rows.to_csv(folder / "rows.csv", index=False)
    source = File(path=str(folder / "rows.csv"))
    wishes = Wish(**{"target": "churned", **wish})
    return propose(source, wishes, collect(DataSettings(source=source, target=wishes.target), store), store)


def asked(proposal: Proposal) -> dict[tuple[str, str], dict[str, Any]]:
    return {(e.type.removeprefix("expect_column_values_to_").removeprefix("expect_"), str(e.kwargs.get("column", ""))):
            e.kwargs for e in proposal.data.expectations}


def test_expectations_say_what_was_seen_and_no_more(rows: pd.DataFrame, tmp_path: Path, store: Store) -> None:
    suite = asked(proposed(rows, tmp_path, store))
    assert suite["table_row_count_to_be_between", ""] == {"min_value": 250}
    assert suite["be_between", "age"] == {"column": "age", "min_value": 0, "max_value": 125}
    assert suite["be_in_set", "plan"]["value_set"] == ["basic", "family", "premium"]
    assert ("not_be_null", "plan") in suite
    assert ("not_be_null", "city") not in suite, "some are missing"
    assert ("be_in_set", "rare") not in suite, "a category seen once says that there are others"


def test_what_orders_the_rows_has_no_range(rows: pd.DataFrame, tmp_path: Path, store: Store) -> None:
    yearly = rows.assign(year=np.repeat([2010, 2011, 2012, 2013, 2014], 100))
    suite = asked(proposed(yearly, tmp_path, store, time="year"))
    assert ("be_between", "year") not in suite
    assert ("be_between", "age") in suite
    assert ("be_between", "year") in asked(proposed(yearly, tmp_path, store)), "rows in no order keep its range"


def test_a_split_by_few_times_is_told_where_it_lands_elsewhere(rows: pd.DataFrame, tmp_path: Path,
                                                               store: Store) -> None:
    few = proposed(rows.assign(year=[2010] * 200 + [2011] * 100 + [2012] * 200), tmp_path, store, time="year")
    assert (few.rows.train, few.rows.validation, few.rows.test) == (200, 100, 200)
    assert "40 % train (asked: 50 %), 20 % validation (asked: 20 %), 40 % test (asked: 30 %)" in few.uneven
    assert "there are 3 times" in few.uneven
    assert proposed(rows.assign(day=range(500)), tmp_path, store, time="day").uneven == ""
    with pytest.raises(DataError, match=r"no rows for validation.*'year' holds 2 times: name a finer --time"):
        proposed(rows.assign(year=[2010] * 250 + [2011] * 250), tmp_path, store, time="year")


@pytest.mark.parametrize("wish", [{}, {"time": "spent"}, {"group": "age"}, {"target": "spent"}])
def test_the_data_stage_takes_what_is_proposed_and_loses_no_row(rows: pd.DataFrame, tmp_path: Path, store: Store,
                                                                wish: dict[str, str]) -> None:
    proposal = proposed(rows, tmp_path, store, **wish)
    prepared = prepare(collect(proposal.data, store), proposal.data, store)
    assert prepared.rows == proposal.rows
    assert prepared.rows.quarantine == 0
    assert prepared.data_schema == proposal.data_schema


def test_parts_count_the_test_rows(rows: pd.DataFrame, tmp_path: Path, store: Store) -> None:
    parts = proposed(rows, tmp_path, store).parts
    assert set(parts) >= {"plan", "city", "churned"}
    assert "age" not in parts
    proposal = proposed(rows, tmp_path, store)
    assert sum(part.rows for part in parts["plan"]) == proposal.rows.test
    assert [part.rows for part in parts["plan"]] == sorted((part.rows for part in parts["plan"]), reverse=True)


def test_nothing_but_the_number_of_rows_is_expected_of_a_wide_table() -> None:
    columns = tuple(Column(name=f"c{n}", kind="number", dtype="double") for n in range(WIDE + 1))
    schema = Schema(columns=columns, target=Column(name="y", kind="number", dtype="double"), task="regression")
    assert [e.type for e in expectations(pd.DataFrame(), schema, 1)] == ["expect_table_row_count_to_be_between"]


@given(FLOATS, FLOATS)
def test_a_range_holds_what_was_seen_and_keeps_its_sign(one: float, other: float) -> None:
    low, high = sorted((one, other))
    below, above = spared(low, high, whole=False)
    assert below <= low <= high <= above
    assert below >= 0 or low < 0
    assert above <= 0 or high > 0


@given(st.integers(-10**15, 10**15), st.integers(-10**15, 10**15))
def test_a_range_of_whole_numbers_is_whole(one: int, other: int) -> None:
    low, high = sorted((one, other))
    below, above = spared(low, high, whole=True)
    assert isinstance(below, int)
    assert isinstance(above, int)
    assert below <= low <= high <= above
