from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tasks.data.features import typed
from tasks.data.profile import profile
from tasks.errors import DataError
from tasks.monitoring.drift import as_markdown, compare, figure
from tasks.records import Column, Schema

SCHEMA = Schema(
    columns=(Column(name="heat", kind="number", dtype="double"),
             Column(name="stars", kind="number", dtype="double", nullable=True),
             Column(name="town", kind="category", dtype="string", categories=("Bern", "Chur", "Genf"))),
    target=Column(name="sold", kind="category", dtype="string", categories=("no", "yes")), task="binary")


def draw(seed: int, rows: int, *, shift: float = 0.0, gone: float = 0.1, towns: tuple[float, ...] = (0.6, 0.3, 0.1),
         new: float = 0.0) -> pd.DataFrame:
    """Rows with a smooth number, a number of few values and gaps, and a category."""
    random = np.random.default_rng(seed)
    stars = random.integers(0, 5, rows).astype(float)
    stars[random.random(rows) < gone] = np.nan
    town = random.choice(["Bern", "Chur", "Genf"], rows, p=towns).astype(object)
    town[random.random(rows) < new] = "Lyon"
    return pd.DataFrame({"heat": random.normal(size=rows) + shift, "stars": stars, "town": town,
                         "sold": random.choice(["no", "yes"], rows)})


def drift_of(before: pd.DataFrame, now: pd.DataFrame, rate: float = 0.01) -> Any:
    return compare(profile(before, SCHEMA), typed(now, SCHEMA), false_alarm_rate=rate)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), rows=st.sampled_from([2, 30, 999, 1000, 1001, 4000]))
def test_nothing_drifts_from_itself(seed: int, rows: int) -> None:
    frame = draw(seed, rows, gone=0.1 if rows > 20 else 0)
    found = drift_of(frame, frame)
    assert all(column.value == 0 for column in found.columns), found
    assert not found.drifted


def alarms(rate: float, *, trials: int, rows: int, live: int) -> int:
    return sum(drift_of(draw(2 * n, rows), draw(2 * n + 1, live), rate).drifted for n in range(trials))


@pytest.mark.parametrize(("rows", "live"), [(1500, 300), (300, 1500), (200, 200)])
def test_false_alarms_are_no_more_than_promised(rows: int, live: int) -> None:
    """120 trials at a rate of .2: a true rate of .2 gives more than 35 once in 1,000 sets of trials."""
    most = int(binom.isf(1e-3, 120, 0.2))
    assert alarms(0.2, trials=120, rows=rows, live=live) <= most


@pytest.mark.parametrize(("change", "column", "statistic"), [
    ({"shift": 0.5}, "heat", "ks"),
    ({"shift": 0.5}, "heat", "psi"),
    ({"gone": 0.3}, "stars", "missing"),
    ({"gone": 0.0}, "stars", "missing"),
    ({"towns": (0.3, 0.3, 0.4)}, "town", "psi"),
    ({"new": 0.05}, "town", "unseen"),
])
def test_what_moved_is_found(change: dict[str, Any], column: str, statistic: str) -> None:
    found = drift_of(draw(1, 2000), draw(2, 500, **change))
    alarmed = {(c.column, c.statistic) for c in found.columns if c.drifted}
    assert (column, statistic) in alarmed
    assert {name for name, _ in alarmed} == {column}
    assert found.drifted


def test_a_column_that_is_gone_altogether_drifts() -> None:
    now = draw(2, 200).assign(heat=np.nan)
    assert ("heat", "missing") in {(c.column, c.statistic) for c in drift_of(draw(1, 500), now).columns if c.drifted}


def test_a_constant_that_changes_drifts() -> None:
    before, now = draw(1, 500).assign(heat=3.0), draw(2, 200).assign(heat=4.0)
    assert drift_of(before, now).drifted
    assert not drift_of(before, draw(2, 200).assign(heat=3.0)).drifted


def test_categories_too_rare_for_the_schema_are_no_news() -> None:
    before, now = draw(1, 2000, new=0.02), draw(2, 500, new=0.02)
    assert not drift_of(before, now).drifted
    assert drift_of(before, draw(2, 500, new=0.15)).drifted


def test_one_row_is_never_enough() -> None:
    assert not drift_of(draw(1, 500), draw(2, 1, gone=0)).drifted


def test_no_rows_and_other_columns_are_refused() -> None:
    reference = profile(draw(1, 100), SCHEMA)
    with pytest.raises(DataError, match="there are no rows to compare"):
        compare(reference, typed(draw(1, 10), SCHEMA).head(0))
    with pytest.raises(DataError, match=r"columns \['heat'\]"):
        compare(reference, typed(draw(1, 10), SCHEMA).drop(columns="heat"))


def test_the_table_names_what_moved_first() -> None:
    lines = as_markdown(drift_of(draw(1, 2000), draw(2, 500, shift=0.5))).splitlines()
    assert lines[0].startswith("**Drifted** in 500 rows: heat.")
    assert lines[4].startswith("| heat |")
    assert lines[4].endswith("| yes |")
    assert len(lines) == 4 + 9


def test_the_picture_is_the_same_for_the_same_finding() -> None:
    found = drift_of(draw(1, 500), draw(2, 100))
    assert figure(found) == figure(found)
    assert figure(found).startswith("<svg")
    assert "town (psi)" in figure(found)


def test_a_name_is_no_markup_in_the_table() -> None:
    found = drift_of(draw(1, 2000), draw(2, 500, shift=0.5))
    odd = found.columns[0].model_copy(update={"column": "[a](http://b)|<b>", "drifted": True})
    assert as_markdown(found.model_copy(update={"columns": (odd,)})).count(r"\[a\](http://b)\|\<b\>") == 2


def test_a_name_with_dollars_is_no_formula() -> None:
    found = drift_of(draw(1, 500), draw(2, 100))
    odd = found.model_copy(update={"columns": (found.columns[0].model_copy(update={"column": "cost ($%$)"}),)})
    assert "cost ($%$)" in figure(odd)
