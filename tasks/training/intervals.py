"""Confidence intervals: Wilson's for a share, the bias-corrected and accelerated bootstrap for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
RESAMPLES = 500
GROUPS = 200
CELLS_AT_ONCE = 4_000_000  # of resamples by rows: 32 MB of weights


def normal_quantile(level: float) -> float:
    """How many standard deviations either side hold so much of a normal distribution.

    >>> round(normal_quantile(0.95), 2)
    1.96
    """
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def wilson(share: float, n: int, level: float) -> tuple[float, float]:
    """Wilson's score interval for a share of n rows (Wilson, 1927).

    >>> low, high = wilson(1.0, 100, 0.95)
    >>> round(low, 3), high
    (0.963, 1.0)
    """
    z = normal_quantile(level)
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(share, center - half)), min(1.0, max(share, center + half))


def bca(statistic: Statistic, n: int, level: float, *, seed: int) -> tuple[float, float]:
    """The BCa bootstrap interval of a statistic of n rows (Efron, 1987), from a few hundred resamples.

    `statistic` takes weights (resamples, n), how often each row was drawn, and gives one value a resample. Resamples
    where it is not defined (a class was never drawn) are left out; where all are, both bounds are NaN.
    """
    drawn = np.concatenate([statistic(weights) for weights in _draws(n, np.random.default_rng(seed))])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return math.nan, math.nan
    levels = _corrected((1 - level) / 2, drawn, statistic, n)
    low, high = np.quantile(drawn, levels)
    return float(low), float(high)


def _draws(n: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Multinomial weights, in blocks that fit in memory."""
    block = max(1, min(RESAMPLES, CELLS_AT_ONCE // n))
    for start in range(0, RESAMPLES, block):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(block, RESAMPLES - start)).astype(np.float64)


def _corrected(tail: float, drawn: Floats, statistic: Statistic, n: int) -> Floats:
    """The two quantiles to take instead of tail and 1 - tail, for the statistic's bias and skewness."""
    from scipy.special import ndtr, ndtri

    value = statistic(np.ones((1, n)))[0]
    below = (np.count_nonzero(drawn < value) + np.count_nonzero(drawn == value) / 2) / len(drawn)
    bias = ndtri(np.clip(below, 1 / (2 * len(drawn)), 1 - 1 / (2 * len(drawn))))
    edges = bias + ndtri(np.array([tail, 1 - tail]))
    return np.asarray(ndtr(bias + edges / np.maximum(1e-3, 1 - _acceleration(statistic, n) * edges)), dtype=np.float64)


def _acceleration(statistic: Statistic, n: int) -> float:
    """The skewness of the jackknife's values over six; rows are left out in groups, so that many rows cost no more."""
    groups = min(n, GROUPS)
    weights = (np.arange(n) % groups != np.arange(groups)[:, None]).astype(np.float64)
    values = statistic(weights)
    pull = np.mean(values) - values
    spread = float(np.sum(pull**2)) ** 1.5
    skew = float(np.sum(pull**3)) / (6 * spread) if spread > 0 else 0.0
    return skew if math.isfinite(skew) else 0.0
