from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.profile import counts, describe, profile, quantile_edges, thinned
from tasks.records import Column, PreparedData

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200).map(np.array)


@given(numbers)
def test_every_value_is_in_one_bin(values: np.ndarray) -> None:
    edges = quantile_edges(values)
    assert (np.diff(edges) > 0).all()
    assert counts(values, edges).sum() == len(values)


def test_bins_are_equally_full() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    assert counts(values, quantile_edges(values)).tolist() == [100] * 10


def test_values_outside_fall_in_the_outer_bins() -> None:
    assert counts(np.array([-1e9, 1.0, 1.5, 1e9]), np.array([1.0, 2.0])).tolist() == [2, 1, 1]


@given(numbers)
def test_a_thinned_sample_spans_the_same_values(values: np.ndarray) -> None:
    found = thinned(values, size=50)
    assert len(found) == min(50, len(values))
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[-1]) == (values.min(), values.max())


def test_a_number_is_described_by_what_is_there() -> None:
    found = describe(pd.Series([1.0, 3.0, np.nan, 2.0]), Column(name="a", kind="number", dtype="double"))
    assert found["missing"] == 0.25
    assert (found["mean"], found["low"], found["high"]) == (2.0, 1.0, 3.0)
    assert found["std"] == pytest.approx(0.8164965)
    assert found["sample"] == [1.0, 2.0, 3.0]


def test_a_category_is_described_by_its_counts() -> None:
    column = Column(name="a", kind="category", dtype="string", categories=("x", "y", "z"))
    found = describe(pd.Series(["x", "x", None, "y"]), column)
    assert found == {"kind": "category", "missing": 0.25, "counts": {"x": 2, "y": 1, "z": 0}}


def test_features_and_target_are_in_the_profile(mixed: PreparedData) -> None:
    from tasks.data.preparation import load
    from tasks.store import Store

    found = profile(load(mixed.train, Store()), mixed.data_schema)
    assert found["rows"] == mixed.rows.train
    assert list(found["columns"]) == ["age", "spent", "plan", "city"]
    assert sum(found["target"]["counts"].values()) == mixed.rows.train
