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
from tasks.training.metrics import METRICS, losses, score

LABELS_ONLY = ("balanced_accuracy", "f1")  # metrics that see the called class and not how sure the model was

Floats = npt.NDArray[np.float64]
Answers = npt.NDArray[Any]


@dataclass(frozen=True)
class Counts:
    """Rows that only the champion has right (lost) and that only the candidate has right (gained), of all rows."""

    lost: int
    gained: int
    rows: int
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

    worst: the most that a row is taken to differ by.
    """

    values: Floats
    allowance: float
    worst: float
    method = "Gaffke's bound, one-sided"

    @property
    def rows(self) -> int:
        return len(self.values)

    @property
    def drop(self) -> float:
        return float(self.values.mean()) + self.allowance

    def bounds(self, margin: float, settings: DeploymentSettings) -> tuple[float, float]:  # noqa: ARG002
        """The one-sided lower and upper bound of the drop; what a relative margin itself varies by is in them."""
        if self.rows < bootstrap.FEWEST_ROWS:
            return -math.inf, math.inf
        low, high = bootstrap.mean_bounds(self.values, self.worst, settings.level, resamples=settings.resamples,
                                          seed=settings.seed)
        return float(low) + self.allowance, float(high) + self.allowance

    def planned_power(self, test_rows: int, margin: float, settings: DeploymentSettings) -> float:
        """The chance to be certified on so many other rows."""
        if test_rows < bootstrap.FEWEST_ROWS or self.rows < 2:
            return 0.0
        return power.planned_power_of_mean(self.drop, float(self.values.std(ddof=1)), self.rows, test_rows=test_rows,
                                           margin=margin, level=settings.level, worst=self.worst)

    def rows_needed(self, margin: float, settings: DeploymentSettings) -> int:
        """How many rows would do at this spread, if the true drop were at most half the margin."""
        deviation = float(self.values.std(ddof=1)) if self.rows > 1 else 0.0
        needed = power.rows_needed_of_mean(deviation, drop=_planned_drop(self.drop, margin), margin=margin,
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
    return Differences(values, allowance, _worst_row(metric, truth, champion, values, seed))


def _worst_row(metric: str, truth: Answers, champion: Answers, values: Floats, seed: int) -> float:
    """The most that a row is taken to differ by: what was seen, and for labels no less than right and wrong differ.

    How bad a probability or a prediction can be has no useful bound: a loss of 16 on one row would forbid everything.
    """
    seen = float(np.abs(values).max())
    if metric not in LABELS_ONLY:
        return seen
    own = bootstrap.pseudo_values(lambda rows: score(metric, truth[rows], champion[rows]), len(truth), seed)
    return max(1.0, float(np.ptp(own)), seen)


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
