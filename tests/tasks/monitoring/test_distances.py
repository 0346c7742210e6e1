from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact, ks_2samp

from tasks.monitoring.distances import by_size, distance, psi, share_gap


def test_distance_is_scipys() -> None:
    random = np.random.default_rng(0)
    before, now = random.normal(size=400), random.normal(size=150) + 0.1
    value, threshold = distance(np.sort(before), 400, now, 0.01)
    theirs = ks_2samp(before, now, method="asymp")
    assert value == pytest.approx(theirs.statistic)
    assert (value > threshold) == (theirs.pvalue < 0.01)


@pytest.mark.parametrize("level", [0.5, 0.1, 0.02, 0.001])
@pytest.mark.parametrize(("before", "now"), [(3, 9), (30, 4), (0, 3), (100, 25), (0, 0)])
def test_share_gap_decides_as_fishers_exact_test_does(before: int, now: int, level: float) -> None:
    value, threshold = share_gap(before, 500, now, 120, level)
    table = [[now, 120 - now], [before, 500 - before]]
    side = "greater" if now * 500 > before * 120 else "less"
    assert (value > threshold) == bool(fisher_exact(table, alternative=side).pvalue <= level / 2)


def test_a_shrinking_share_can_be_of_no_interest() -> None:
    assert share_gap(100, 500, 0, 120, 0.01, upward_only=True) == (0.0, 1.0)
    assert share_gap(100, 500, 0, 120, 0.01)[0] > share_gap(100, 500, 0, 120, 0.01)[1]


def test_the_index_over_the_sizes_is_chi_square() -> None:
    """Its mean is that of chi-square: the degrees of freedom, one fewer than bins."""
    random = np.random.default_rng(1)
    shares = [0.4, 0.3, 0.2, 0.1]
    found = [psi(random.multinomial(2000, shares).astype(float), random.multinomial(500, shares).astype(float), 0.01)[0]
             for _ in range(400)]
    assert np.mean(found) / (1 / 2000 + 1 / 500) == pytest.approx(3, abs=0.4)


def test_bins_that_expect_too_little_are_merged() -> None:
    before, now = np.array([1000.0, 900.0, 3.0, 2.0]), np.array([100.0, 90.0, 0.0, 3.0])
    assert psi(before, now, 0.01) == psi(np.array([1000.0, 905.0]), np.array([100.0, 93.0]), 0.01)
    assert psi(np.array([5.0, 1.0]), np.array([2.0, 1.0]), 0.01) == (0.0, 0.0)


def test_the_most_common_come_first() -> None:
    before, now = by_size(np.array([1.0, 5.0, 3.0]), np.array([0.0, 1.0, 9.0]))
    assert before.tolist() == [3, 5, 1]
    assert now.tolist() == [9, 1, 0]
