from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from tasks.training import intervals
from tasks.training.intervals import Floats, bca, wilson


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(n: int, share: float, level: float) -> None:
    hits = round(share * n)
    theirs = binomtest(hits, n).proportion_ci(level, method="wilson")
    assert wilson(hits / n, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_bca_agrees_with_scipy() -> None:
    rows = np.random.default_rng(0).lognormal(size=80)
    theirs = bootstrap((rows,), np.mean, method="BCa", n_resamples=20_000, rng=0).confidence_interval
    ours = np.mean([bca(_mean(rows), len(rows), 0.95, seed=seed) for seed in range(20)], axis=0)
    assert ours == pytest.approx([theirs.low, theirs.high], rel=0.02)
    percentile = np.quantile([rows[draw].mean() for draw in np.random.default_rng(1).integers(80, size=(20_000, 80))],
                             [0.025, 0.975])
    assert ours[0] > percentile[0] * 1.01  # skewed rows: without the correction the bounds lie too low
    assert ours[1] > percentile[1] * 1.01


def test_a_biased_statistic_is_corrected() -> None:
    """The variance of a resample is too small by 1 / n, which the bounds make good."""
    rows = np.random.default_rng(0).exponential(size=20)
    mean, mean_square = _mean(rows), _mean(rows**2)
    theirs = bootstrap((rows,), np.var, method="BCa", n_resamples=20_000, rng=0).confidence_interval
    ours = np.mean([bca(lambda weights: mean_square(weights) - mean(weights) ** 2, 20, 0.95, seed=seed)
                    for seed in range(20)], axis=0)
    assert ours[0] == pytest.approx(theirs.low, rel=0.04)  # uncorrected it is a sixth lower


def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=50)
    whole = bca(_mean(rows), 50, 0.95, seed=2)
    monkeypatch.setattr(intervals, "CELLS_AT_ONCE", 700)
    assert bca(_mean(rows), 50, 0.95, seed=2) == whole


def test_resamples_where_it_is_not_defined_are_left_out() -> None:
    rows = np.random.default_rng(0).normal(5, 1, size=50)

    def sometimes(weights: Floats) -> Floats:
        return np.where(weights[:, 0] > 0, _mean(rows)(weights), np.nan)

    low, high = bca(sometimes, 50, 0.95, seed=0)
    assert 4 < low < high < 6
    assert all(math.isnan(bound) for bound in bca(lambda weights: np.full(len(weights), np.nan), 50, 0.95, seed=0))


def _mean(rows: Floats) -> intervals.Statistic:
    return lambda weights: np.asarray(weights @ rows / weights.sum(1))
