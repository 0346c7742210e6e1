"""Is one classifier's accuracy at most a margin below another's on the same rows? An exact test and its bounds.

Every row falls into one of three: *lost* (the champion is right, the candidate wrong), *gained* (the other way
round), or alike. The drop in accuracy is (lost - gained) / rows. The statistic is Tango's score; its critical value
is not the normal one, with which up to 6 % of the models that are worse by the margin would pass, but the smallest
that holds the level whatever the discordance (the exact unconditional test of Hsueh, Liu and Chen).

T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
Statistics in Medicine 17 (1998) 891-908. H. M. Hsueh, J. P. Liu, J. J. Chen, Unconditional exact tests for
equivalence or noninferiority for paired binary endpoints, Biometrics 57 (2001) 478-483.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]

CRITICAL_RANGE = (1.0, 8.0)  # below, the level would be below .84; no outcome at a usable margin asks for more
CRITICAL_STEP = 3e-4  # a critical value too large by this costs a ten-thousandth of the level
NEGLIGIBLE_SD = 8.0  # probability outside this many standard deviations is below 1e-14


def score(lost: npt.ArrayLike, gained: npt.ArrayLike, rows: int, drop: float) -> Floats:
    """Tango's score statistic of the hypothesis that the true drop is `drop`; very negative speaks for less.

    >>> round(float(score(1, 0, 44, 0.1)), 3)  # the example of Tango's section 6.1
    -1.709
    """
    b, c = np.asarray(lost, float), np.asarray(gained, float)
    linear = b + c + drop * (b - c - 2 * rows)
    root = np.sqrt(np.maximum(linear**2 + 8 * rows * c * drop * (1 - drop), 0.0))
    variance = np.maximum(rows * ((linear + root) / (2 * rows) + drop * (1 - drop)), 0.0)
    distance = b - c - rows * drop
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0, 0.0, distance / np.sqrt(variance))


def upper_bound(lost: int, gained: int, rows: int, critical: float) -> float:
    """The largest drop that the score does not rule out at this critical value: at least the one observed, at most 1.

    >>> round(upper_bound(1, 0, 44, 1.645), 3)  # the example of Tango's section 6.1
    0.096
    """
    observed = (lost - gained) / rows
    if observed >= 1:
        return 1.0
    return float(optimize.brentq(lambda drop: float(score(lost, gained, rows, drop)) + critical,
                                 observed, np.nextafter(1.0, 0.0), xtol=1e-12))


def bounds(lost: int, gained: int, rows: int, margin: float, level: float) -> tuple[float, float]:
    """The one-sided lower and upper bound of the drop, each at `level`, calibrated to be exact at the margin.

    The upper one is below the margin exactly where the test rejects "worse by the margin or more"; the lower one is
    above it exactly where the test rejects "worse by the margin or less".
    """
    high = upper_bound(lost, gained, rows, critical_value(rows, margin, level))
    low = -upper_bound(gained, lost, rows, critical_value(rows, -margin, level))
    return low, high


@lru_cache(maxsize=512)
def critical_value(rows: int, margin: float, level: float) -> float:
    """The smallest critical value with which at most 1 - level of the models at the margin pass, whatever q.

    q, the share of rows gained, is the nuisance parameter: the drop says nothing of it.
    """
    low, high = CRITICAL_RANGE
    while high - low > CRITICAL_STEP:
        middle = (low + high) / 2
        low, high = (low, middle) if size(rows, margin, middle) <= 1 - level else (middle, high)
    return high


def size(rows: int, margin: float, critical: float) -> float:
    """The largest chance to pass of a model that is worse by just the margin, over all q."""
    limits = _largest_passing_loss(rows, margin, critical)
    return max(_chance(limits, rows, q + margin, q) for q in _nuisance(rows, margin))


def chance_to_pass(rows: int, margin: float, level: float, lost_rate: float, gained_rate: float) -> float:
    """The exact probability that a model which loses and gains these shares of rows passes at the margin."""
    return _chance(passing_limits(rows, margin, level), rows, lost_rate, gained_rate)


@lru_cache(maxsize=64)
def passing_limits(rows: int, margin: float, level: float) -> Floats:
    """The most rows that may be lost, for each number gained from 0 to `rows`; -1 where none may."""
    return _largest_passing_loss(rows, margin, critical_value(rows, margin, level))


def _largest_passing_loss(rows: int, margin: float, critical: float) -> Floats:
    """Bisection over whole numbers, for all numbers of gained rows at once: the score grows with the rows lost."""
    gained = np.arange(rows + 1.0)
    low, high = np.full(rows + 1, -1.0), rows - gained
    while np.any(low < high):
        middle = np.ceil((low + high) / 2)
        passes = score(middle, gained, rows, margin) < -critical
        low, high = np.where(passes, middle, low), np.where(passes, high, middle - 1)
    return low


def _chance(limits: Floats, rows: int, lost_rate: float, gained_rate: float) -> float:
    """P(lost <= limits[gained]) for multinomial (lost, gained, alike)."""
    centre, spread = rows * gained_rate, np.sqrt(rows * gained_rate * (1 - gained_rate))
    first = max(0, int(centre - NEGLIGIBLE_SD * spread - 10))
    gained = np.arange(first, min(rows, int(centre + NEGLIGIBLE_SD * spread + 20)) + 1)
    allowed = limits[gained]
    share = min(1.0, max(0.0, lost_rate) / (1 - gained_rate)) if gained_rate < 1 else 0.0
    below = np.where(allowed >= 0, special.bdtr(np.maximum(allowed, 0), rows - gained, share), 0.0)
    return float(_binomial(gained, rows, gained_rate) @ below)


def _binomial(counts: npt.NDArray[np.int64], rows: int, rate: float) -> Floats:
    """The binomial probabilities of counts, several times as fast as scipy.stats for the few that are asked."""
    ways = special.gammaln(rows + 1) - special.gammaln(counts + 1) - special.gammaln(rows - counts + 1)
    return np.asarray(np.exp(ways + special.xlogy(counts, rate) + special.xlog1py(rows - counts, -rate)))


def _nuisance(rows: int, margin: float) -> Floats:
    """Where to look for the worst q: dense at both ends, where single rows matter, thinner between them."""
    first, last = max(0.0, -margin), (1 - margin) / 2
    few = np.arange(0.0, 10.0, 0.2) ** 2 / rows
    many = np.geomspace(100 / rows, 1.0, 50)
    inside = np.concatenate([first + few, first + many, last - few / 2])
    return np.unique(inside[(inside >= first) & (inside <= last)])
