"""How likely is a candidate to be certified, and how many rows would it take? Asked before test rows are looked at."""

from __future__ import annotations

import math

from scipy import stats

from tasks.deployment.noninferiority import chance_to_pass

UNSEEN = 0.5  # added to each count of discordant rows: none among few is no proof of none (Jeffreys' prior)
EXACT_UP_TO = 100_000  # rows; beyond, the normal approximation is within a percent


def planned_power(lost: int, gained: int, rows: int, *, test_rows: int, margin: float, level: float) -> float:
    """The chance to pass on `test_rows` rows of a model that lost and gained so many of `rows` validation rows.

    >>> round(planned_power(0, 0, 250, test_rows=450, margin=0.02, level=0.95), 2)
    0.99
    >>> round(planned_power(4, 0, 250, test_rows=450, margin=0.02, level=0.95), 2)
    0.09
    """
    if test_rows < 1 or rows < 1:
        return 0.0
    lost_rate, gained_rate = (lost + UNSEEN) / (rows + 2 * UNSEEN), (gained + UNSEEN) / (rows + 2 * UNSEEN)
    return chance_to_pass(test_rows, margin, level, lost_rate, gained_rate)


def planned_power_of_mean(drop: float, deviation: float, *, test_rows: int, margin: float, level: float) -> float:
    """The same for a mean of rows: `deviation` is the standard deviation of the rows' differences (normal theory)."""
    if test_rows < 1:
        return 0.0
    if deviation == 0:
        return float(drop < margin)
    return float(stats.norm.cdf((margin - drop) * math.sqrt(test_rows) / deviation - stats.norm.ppf(level)))


def rows_needed(discordance: float, *, drop: float, margin: float, level: float, power: float) -> int:
    """How many rows certify, with this power, a model of this true drop and share of discordant rows.

    discordance: lost plus gained, at least the size of `drop`. Exact, from a normal approximation upward in steps of
    3 %.
    """
    certain, hoped = stats.norm.ppf(level), stats.norm.ppf(power)
    at_margin = math.sqrt(max(discordance, margin) - margin**2)
    as_is = math.sqrt(max(discordance - drop**2, 0.0))
    normal = ((certain * at_margin + hoped * as_is) / (margin - drop)) ** 2
    rows = math.ceil(max(0.9 * normal, math.log(1 - level) / math.log1p(-margin)))
    if rows > EXACT_UP_TO:
        return math.ceil(normal)
    lost_rate, gained_rate = (discordance + drop) / 2, max(0.0, (discordance - drop) / 2)
    while chance_to_pass(rows, margin, level, lost_rate, gained_rate) < power:
        rows = math.ceil(rows * 1.03)
    return rows


def rows_needed_of_mean(deviation: float, *, drop: float, margin: float, level: float, power: float) -> int:
    """The same for a mean of rows, by normal theory."""
    return math.ceil(((stats.norm.ppf(level) + stats.norm.ppf(power)) * deviation / (margin - drop)) ** 2)
