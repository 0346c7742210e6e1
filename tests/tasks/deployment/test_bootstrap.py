from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tasks.deployment.bootstrap import in_blocks, mean_bounds, pseudo_values

DRAW = {"resamples": 2000, "seed": 0}


@pytest.mark.parametrize("seen", [0, 1, 4, 12])
def test_of_two_values_the_bound_is_clopper_and_pearsons(seen: int) -> None:
    rows = np.repeat([1.0, 0.0], [seen, 200 - seen])
    exact = stats.beta.ppf(0.95, seen + 1, 200 - seen)
    assert mean_bounds(rows, 1.0, 0.95, resamples=40_000, seed=0)[1] == pytest.approx(exact, rel=0.02)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10))
def test_bounds_stretch_with_the_rows(scale: float) -> None:
    rows = np.random.default_rng(1).exponential(size=150)
    here, there = mean_bounds(rows, 5.0, 0.95, **DRAW), mean_bounds(rows * scale, 5.0 * scale, 0.95, **DRAW)
    assert np.allclose(np.array(here) * scale, there)


def test_turning_the_sign_swaps_the_bounds() -> None:
    rows = np.random.default_rng(2).exponential(size=150)
    low, high = mean_bounds(rows, 5.0, 0.95, **DRAW)
    assert np.allclose(mean_bounds(-rows, 5.0, 0.95, **DRAW), (-high, -low))


def test_what_is_feared_widens_both_bounds() -> None:
    rows = np.random.default_rng(3).normal(size=200)
    (low, high), (lower, higher) = (mean_bounds(rows, worst, 0.95, **DRAW) for worst in (3.0, 30.0))
    assert lower < low < rows.mean() < high < higher


def test_many_samples_have_the_bounds_that_each_has_alone() -> None:
    samples = np.random.default_rng(4).exponential(size=(3, 150))
    together = mean_bounds(samples, np.array([5.0, 6.0, 7.0]), 0.95, **DRAW)
    alone = [mean_bounds(one, worst, 0.95, **DRAW) for one, worst in zip(samples, (5.0, 6.0, 7.0), strict=True)]
    assert np.allclose(np.array(together).T, alone)


def test_a_skewed_mean_lies_above_its_bound_at_most_once_in_twenty() -> None:
    samples = np.random.default_rng(5).exponential(size=(2000, 150))
    normal = samples.mean(1) + 1.645 * samples.std(1, ddof=1) / np.sqrt(150)
    assert 0.015 < (mean_bounds(samples, samples.max(1), 0.95, **DRAW)[1] < 1).mean() < 0.05
    assert (normal < 1).mean() > 0.065


def test_not_a_number_clears_nothing() -> None:
    assert not mean_bounds(np.full(150, np.nan), 1.0, 0.95, **DRAW)[1] < 1e9
    assert not mean_bounds(np.zeros(150), np.nan, 0.95, **DRAW)[1] < 1e9


@given(st.integers(1, 3000), st.integers(1, 50))
def test_blocks_keep_the_mean(rows: int, most: int) -> None:
    values = np.random.default_rng(5).normal(size=rows)
    units = in_blocks(values, most, seed=0)
    assert len(units) <= max(min(rows, most), 1)
    assert units.mean() == pytest.approx(values.mean())


def test_the_bound_of_blocks_is_that_of_rows() -> None:
    rows = np.random.default_rng(6).exponential(size=9000)
    expected = rows.mean() + 1.645 * rows.std() / np.sqrt(9000)
    assert mean_bounds(rows, 10.0, 0.95, **DRAW)[1] == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("rows", [60, 499, 1200])
def test_pseudo_values_of_a_mean_are_its_rows(rows: int) -> None:
    values = np.random.default_rng(7).normal(size=rows)
    pseudo = pseudo_values(lambda chosen: float(values[chosen].mean()), rows, seed=0)
    assert pseudo.mean() == pytest.approx(values.mean())
    if rows < 500:
        assert np.allclose(pseudo, values)


def test_pseudo_values_give_the_error_of_a_root_mean_square() -> None:
    samples = np.random.default_rng(8).normal(size=(300, 200))
    found = [pseudo_values(lambda rows, e=e: float(np.sqrt((e[rows] ** 2).mean())), 200, seed=0) for e in samples]
    error = np.mean([p.std(ddof=1) for p in found]) / np.sqrt(200)
    assert error == pytest.approx(np.sqrt((samples**2).mean(1)).std(), rel=0.1)
