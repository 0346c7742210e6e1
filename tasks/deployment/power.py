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


def planned_power_of_mean(
    drop: float, deviation: float, rows: int, *, test_rows: int, margin: float, level: float, worst: float = 0.0
) -> float:
    """The same for a mean of rows by normal theory.

    deviation: the standard deviation of the rows' differences; worst: the most that a row can differ by, where that
    is bounded. Then rows not seen to differ are feared as above, and one more row is certain to be.
    """
    if test_rows < 1 or test_rows <= unseen_rows(worst, margin, level):
        return 0.0
    feared = math.hypot(deviation, worst * math.sqrt(2 * UNSEEN / rows))
    room = margin - drop - worst / test_rows
    if feared == 0:
        return float(room > 0)
    return float(stats.norm.cdf(room * math.sqrt(test_rows) / feared - stats.norm.ppf(level)))


def unseen_rows(worst: float, margin: float, level: float) -> float:
    """How many rows that are all alike are still too few to rule out a drop of the margin (the rule of three)."""
    return -math.log(1 - level) * worst / margin if margin > 0 else math.inf


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


def rows_needed_of_mean(
    deviation: float, *, drop: float, margin: float, level: float, power: float, worst: float = 0.0
) -> int:
    """The same for a mean of rows, by normal theory."""
    normal = ((stats.norm.ppf(level) + stats.norm.ppf(power)) * deviation / (margin - drop)) ** 2
    return math.ceil(max(normal + worst / (margin - drop), unseen_rows(worst, margin, level)))
