"""How far two samples are apart, and how far they would be by chance: each function gives (value, threshold).

A value above its threshold has, when both samples come from one distribution, at most the probability `level`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating]
LEAST_EXPECTED = 10.0  # rows a bin needs in both samples before chi-square's tail can be believed
HALF = 0.5  # added to each bin (Jeffreys): an empty one would make the index infinite


def distance(sample: Numbers, rows: int, live: Numbers, level: float) -> tuple[float, float]:
    """Kolmogorov-Smirnov: the largest distance between two distribution functions.

    `sample` stands for `rows` sorted values, thinned evenly; what thinning may have hidden is taken off the distance.
    The threshold is that of Kolmogorov's exact distribution at the effective size n·m / (n + m); ties make the test
    stricter, never looser. Source: Massey, JASA 46 (1951) 68; scipy.stats.ks_2samp takes the same distribution.

    >>> x = np.arange(50.0)
    >>> distance(x, 50, x, 0.01)[0]
    0.0
    """
    from scipy.stats import kstwo

    if not len(sample) or not len(live):
        return 0.0, 1.0
    points = np.concatenate([sample, live])
    gap = np.abs(_share_up_to(points, sample) - _share_up_to(points, live)).max()
    hidden = 1 / len(sample) if rows > len(sample) else 0.0
    effective = max(1, round(rows * len(live) / (rows + len(live))))
    return max(0.0, float(gap - hidden)), float(kstwo.isf(level, effective))


def _share_up_to(points: Numbers, values: Numbers) -> Numbers:
    return np.searchsorted(np.sort(values), points, side="right") / len(values)


def psi(reference: Numbers, live: Numbers, level: float) -> tuple[float, float]:
    """Population stability index over bins: Σ (p - q) ln(p / q).

    Without drift, index / (1/n + 1/m) is nearly chi-square with one degree of freedom fewer than bins: with p = q + d
    for a small d, (p - q) ln(p / q) is d²/q to second order, which makes the index Pearson's statistic for two
    samples times (1/n + 1/m). Source: Yurdakul and Naranjo, Statistical properties of the population stability index,
    Journal of Risk Model Validation 14 (2020). The usual limits .1 and .25 know nothing of n and m. Neighboring bins
    are merged until each can expect ten rows in both samples.

    >>> psi(np.array([50.0, 50.0]), np.array([50.0, 50.0]), 0.01)[0]
    0.0
    """
    from scipy.stats import chi2

    reference, live = _merged(reference, live)
    if len(reference) < 2:
        return 0.0, 0.0
    n, m = reference.sum(), live.sum()
    p, q = ((counts + HALF) / (counts.sum() + HALF * len(counts)) for counts in (reference, live))
    return float(((p - q) * np.log(p / q)).sum()), float(chi2.isf(level, len(p) - 1) * (1 / n + 1 / m))


def _merged(reference: Numbers, live: Numbers) -> tuple[Numbers, Numbers]:
    total = reference.sum() + live.sum()
    if not reference.sum() or not live.sum():
        return reference[:0], live[:0]
    need = LEAST_EXPECTED * total / min(reference.sum(), live.sum())
    starts, held = [0], 0.0
    for place, both in enumerate(reference + live):
        if held >= need:
            starts.append(place)
            held = 0.0
        held += both
    if held < need and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(reference, starts), np.add.reduceat(live, starts)


def by_size(reference: Numbers, live: Numbers) -> tuple[Numbers, Numbers]:
    """Both counts, the categories that are most common over both first: the rare ones merge with each other."""
    order = np.argsort(-(reference + live), kind="stable")
    return reference[order], live[order]


def share_gap(before: int, rows: int, now: int, live_rows: int, level: float, *,
              upward_only: bool = False) -> tuple[float, float]:
    """The difference between two shares, before/rows and now/live_rows.

    Given how many there are in both together, the number among the live rows is hypergeometric: Fisher's exact test,
    which keeps its level at every size. The threshold lies on the side of the difference, at half of the level unless
    only a growing share matters.
    """
    from scipy.stats import hypergeom

    together, all_rows = before + now, rows + live_rows
    side = level if upward_only else level / 2
    rising = now * rows > before * live_rows
    if upward_only and not rising:
        return 0.0, 1.0
    spread = hypergeom(all_rows, together, live_rows)
    bound = int(spread.isf(side) if rising else spread.ppf(side))
    sign = 1 if rising else -1
    gap = sign * (now / live_rows - before / rows)
    limit = sign * (bound / live_rows - (together - bound) / rows)
    return abs(gap), max(0.0, limit)
