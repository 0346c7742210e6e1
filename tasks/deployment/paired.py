"""What two models' answers to the same rows say of the drop from the champion to the candidate.

Two kinds of evidence with the same verbs: counts of discordant rows for accuracy, differences row by row for any
other metric. A drop is positive where the candidate is worse, whichever way the metric is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.deployment import bootstrap, noninferiority, power
from tasks.deployment.settings import DeploymentSettings, Margin
from tasks.errors import DeploymentError, SettingsError
from tasks.training.metrics import METRICS, NUMBERS, TINY, losses, score

Floats = npt.NDArray[np.float64]
Answers = npt.NDArray[Any]


@dataclass(frozen=True)
class Counts:
    """Rows that only the champion has right (lost) and that only the candidate has right (gained), of all rows."""

    lost: int
    gained: int
    rows: int
    finite = True
    method = "Tango's score, exact at the margin, one-sided"

    @property
    def drop(self) -> float:
        return (self.lost - self.gained) / self.rows

    def bounds(self, margin: float, settings: DeploymentSettings) -> tuple[float, float]:
        """The one-sided lower and upper bound of the drop."""
        return noninferiority.bounds(self.lost, self.gained, self.rows, margin, settings.level)

    def planned_power(self, test_rows: int, margin: float, settings: DeploymentSettings) -> float:
        """The chance to be certified on so many other rows."""
        return power.planned_power(self.lost, self.gained, self.rows, test_rows=test_rows, margin=margin,
                                   level=settings.level)

    def rows_needed(self, margin: float, settings: DeploymentSettings) -> int:
        """How many rows would do at this discordance, if the true drop were at most half the margin."""
        return power.rows_needed((self.lost + self.gained) / self.rows, drop=_planned_drop(self.drop, margin),
                                 margin=margin, level=settings.level, power=settings.power)


@dataclass(frozen=True)
class Differences:
    """Each row's part of the drop, less its part of a relative margin: their mean is the drop less `allowance`.

    values: one a row, or one a block of rows; worst: the most that one row can make of the mean, times the rows.
    `bounded`: whether that is so by the metric's definition, or only of the rows that were seen.
    """

    values: Floats
    allowance: float
    worst: float
    rows: int
    bounded: bool

    @property
    def method(self) -> str:
        return "Gaffke's bound, one-sided" + ("" if self.bounded else ", if no row is worse than those seen")

    @property
    def finite(self) -> bool:
        """Whether every row has a part; an area under a curve has none without its only positive row."""
        return bool(np.isfinite(self.values).all()) and math.isfinite(self.worst)

    @property
    def deviation(self) -> float:
        """The standard deviation of a row's part; a block of rows varies less than each of them."""
        if len(self.values) < 2:
            return 0.0
        return float(self.values.std(ddof=1)) * math.sqrt(self.rows / len(self.values))

    @property
    def drop(self) -> float:
        return float(self.values.mean()) + self.allowance

    def bounds(self, margin: float, settings: DeploymentSettings) -> tuple[float, float]:  # noqa: ARG002
        """The one-sided lower and upper bound of the drop; what a relative margin itself varies by is in them."""
        if self.rows < bootstrap.FEWEST_ROWS:
            return -math.inf, math.inf
        low, high = bootstrap.mean_bounds(self.values, self.worst * len(self.values) / self.rows, settings.level,
                                          resamples=settings.resamples, seed=settings.seed)
        return float(low) + self.allowance, float(high) + self.allowance

    def planned_power(self, test_rows: int, margin: float, settings: DeploymentSettings) -> float:
        """The chance to be certified on so many other rows."""
        if test_rows < bootstrap.FEWEST_ROWS or self.rows < 2:
            return 0.0
        return power.planned_power_of_mean(self.drop, self.deviation, self.rows, test_rows=test_rows, margin=margin,
                                           level=settings.level, worst=self.worst)

    def rows_needed(self, margin: float, settings: DeploymentSettings) -> int:
        """How many rows would do at this spread, if the true drop were at most half the margin."""
        needed = power.rows_needed_of_mean(self.deviation, drop=_planned_drop(self.drop, margin), margin=margin,
                                           level=settings.level, power=settings.power, worst=self.worst)
        return max(needed, bootstrap.FEWEST_ROWS)


Paired = Counts | Differences


def paired(metric: str, truth: Answers, champion: Answers, candidate: Answers, margin: Margin, *, seed: int) -> Paired:
    """The evidence in answers that were checked: of one shape, finite, at least one.

    Raises SettingsError for a margin of accuracy that is no share.
    """
    if metric == "accuracy":
        if margin.drop is not None and margin.drop >= 1:
            raise SettingsError(f"a margin of {margin.drop} forbids nothing: accuracy is a share. For 2 points: 0.02.")
        ours, theirs = losses(metric, truth, candidate), losses(metric, truth, champion)
        if ours is None or theirs is None:
            raise DeploymentError("metric 'accuracy' is not a mean of rows: it cannot be certified by counts.")
        return Counts(lost=int(((theirs == 1) & (ours == 0)).sum()), gained=int(((theirs == 0) & (ours == 1)).sum()),
                      rows=len(truth))
    allowance = (margin.relative or 0.0) * abs(score(metric, truth, champion))
    values = _differences(metric, truth, champion, candidate, margin.relative or 0.0, seed)
    share = margin.relative or 0.0
    seen = float(np.abs(values).max()) * len(truth) / len(values)
    known = None if METRICS[metric].tasks == NUMBERS else (1 + share) * _worst_row(metric, truth, champion)
    return Differences(values, allowance, max(seen, known or 0.0), len(truth), bounded=known is not None)


def _worst_row(metric: str, truth: Answers, champion: Answers) -> float:
    """The most that one row can make of the drop, times the rows, whatever was seen: how bad an answer can be.

    A row of a class of few rows moves the mean over classes, or over pairs with that class, by far more than one row's
    share: whoever loses a fifth of them on rows that hold eight is often not seen to lose any.
    """
    if metric == "log_loss":
        return -math.log(TINY)
    if metric == "brier":
        return 1.0 if champion.shape[1] == 2 else 2.0
    rows, held = len(truth), np.bincount(truth.astype(np.int64))
    fewest, most, classes = int(held[held > 0].min()), int(held.max()), int((held > 0).sum())
    if metric == "balanced_accuracy":
        return rows / (classes * fewest)
    if metric == "f1":
        return 2.5 * rows / (classes * fewest)  # at most 2 / fewest of its own class, and half of that less of another
    if champion.shape[1] == 2:
        return rows / fewest
    return rows / classes * (1 / fewest + (classes - 1) / (rows - most))  # its own area, and the others' as a negative


def _differences(
    metric: str, truth: Answers, champion: Answers, candidate: Answers, relative: float, seed: int
) -> Floats:
    """Row by row: how much worse the candidate is, less the relative margin's share of the champion."""
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    share = relative * (1.0 if score(metric, truth, champion) >= 0 else -1.0)
    theirs, ours = losses(metric, truth, champion), losses(metric, truth, candidate)
    if theirs is not None and ours is not None:
        return np.asarray(sign * (theirs - ours) - share * theirs, dtype=np.float64)

    def excess(rows: npt.NDArray[np.int64]) -> float:
        of_champion = score(metric, truth[rows], champion[rows])
        return sign * (of_champion - score(metric, truth[rows], candidate[rows])) - share * of_champion

    return bootstrap.pseudo_values(excess, len(truth), seed)


def _planned_drop(observed: float, margin: float) -> float:
    """Not better than equal, since luck is no plan, and not worse than half the margin, or no rows would ever do."""
    return min(max(observed, 0.0), margin / 2)
