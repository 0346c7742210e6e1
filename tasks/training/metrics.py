"""How good answers are: each metric as one statistic of weighted rows, and its interval.

Truth is class indices (rows,) with probabilities (rows, classes) as answers, or floats with predictions (rows,).
Weights (resamples, rows) say how often each row counts: the same formula gives the score (all ones), the bootstrap and
the jackknife, many at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import TrainingError
from tasks.records import Estimate, TaskKind
from tasks.training.intervals import Floats, Statistic, bca, wilson

Truth = NDArray[Any]
CLASSES: tuple[TaskKind, ...] = ("binary", "multiclass")
NUMBERS: tuple[TaskKind, ...] = ("regression",)
TINY = 1e-7  # what a probability of nothing is taken for: the loss of such a row would be infinite


@dataclass(frozen=True)
class Metric:
    """A quality: the tasks it is for, which way is better, its bounds, and how it is computed.

    `rows` gives each row's part where the metric is their mean; `statistic` the function of weights in any case.
    """

    name: str
    tasks: tuple[TaskKind, ...]
    higher_is_better: bool
    best: float
    worst: float
    statistic: Callable[[Truth, Floats], Statistic]
    rows: Callable[[Truth, Floats], Floats] | None = None

    def better(self, value: float, other: float) -> bool:
        """Whether a value is strictly better than another; never so where one is not a number."""
        return value > other if self.higher_is_better else value < other


def metric(name: str) -> Metric:
    """The metric of a name. Raises TrainingError for one that is not known."""
    if name not in METRICS:
        raise TrainingError(f"metric {name!r} is not known. Known are {', '.join(sorted(METRICS))}.")
    return METRICS[name]


def metrics_of(task: TaskKind) -> tuple[str, ...]:
    """The names of the metrics for a task."""
    return tuple(name for name, one in METRICS.items() if task in one.tasks)


def score(name: str, truth: Truth, answers: NDArray[Any]) -> float:
    """The metric's value; NaN where it is not defined (ROC AUC of one class). Raises TrainingError for bad answers."""
    statistic = metric(name).statistic(truth, _checked(name, truth, answers))
    return float(statistic(np.ones((1, len(truth))))[0])


def losses(name: str, truth: Truth, answers: NDArray[Any]) -> Floats | None:
    """Each row's part (rows,) where the metric is their mean, else None."""
    rows = metric(name).rows
    return None if rows is None else rows(truth, _checked(name, truth, answers))


def estimate(name: str, truth: Truth, answers: NDArray[Any], *, level: float = 0.95, seed: int = 0) -> Estimate:
    """The metric with its interval: Wilson's for accuracy, BCa for the rest.

    Where every resample is perfect the bootstrap would claim certainty: there the bound of a metric with a worst value
    is Wilson's for no failure; log loss, RMSE, MAE and R² have none, and keep the bootstrap's.
    Raises TrainingError where the metric is not defined.
    """
    value, n = score(name, truth, answers), len(truth)
    if not math.isfinite(value):
        raise TrainingError(f"{name} is not defined on these {n} rows. They may lack a class: take another metric, "
                            f"or give more rows.")
    if name == "accuracy":
        low, high = wilson(value, n, level)
        return Estimate(value=value, low=low, high=high, level=level, method="wilson", n=n)
    one = metric(name)
    low, high = bca(one.statistic(truth, _checked(name, truth, answers)), n, level, seed=seed)
    if low == high == one.best and math.isfinite(one.worst):
        low, high = sorted((one.best, one.best + (one.worst - one.best) * (1 - wilson(1.0, n, level)[0])))
    return Estimate(value=value, low=min(low, value), high=max(high, value), level=level, method="bca", n=n)


def _checked(name: str, truth: Truth, answers: NDArray[Any]) -> Floats:
    """The answers as float64. Raises TrainingError where they are no answers to these rows, or not numbers."""
    dimensions = 1 if "regression" in metric(name).tasks else 2
    if answers.ndim != dimensions or len(answers) != len(truth) or not len(truth):
        raise TrainingError(f"{name} takes answers of {dimensions} dimensions for {len(truth)} rows, at least one, "
                            f"not of shape {answers.shape}. It is for {' and '.join(metric(name).tasks)}.")
    if not np.isfinite(answers).all():
        raise TrainingError(f"{name}: {np.count_nonzero(~np.isfinite(answers))} answers are not finite.")
    return answers.astype(np.float64)


def _mean(rows: Callable[[Truth, Floats], Floats]) -> Callable[[Truth, Floats], Statistic]:
    def statistic(truth: Truth, answers: Floats) -> Statistic:
        parts = rows(truth, answers)
        return lambda weights: weights @ parts / weights.sum(1)

    return statistic


def _correct(truth: Truth, answers: Floats) -> Floats:
    return np.asarray(answers.argmax(1) == truth, dtype=np.float64)


def _surprise(truth: Truth, answers: Floats) -> Floats:
    given = answers[np.arange(len(truth)), truth]
    return np.asarray(-np.log(np.clip(given, TINY, 1.0)), dtype=np.float64)


def _squares(truth: Truth, answers: Floats) -> Floats:
    """Brier's squares: over all classes, or over the positive one where there are two (as scikit-learn does)."""
    squares: Floats = ((answers - _one_hot(truth, answers.shape[1])) ** 2).sum(1)
    return squares / 2 if answers.shape[1] == 2 else squares


def _distance(truth: Truth, answers: Floats) -> Floats:
    return np.abs(truth - answers)


def _one_hot(labels: Truth, classes: int) -> Floats:
    return np.asarray(np.eye(classes)[labels], dtype=np.float64)


def _per_class(value: Callable[[Floats, Floats, Floats], Floats]) -> Callable[[Truth, Floats], Statistic]:
    """The mean over the classes that occur of a value of (hits, rows of the class, rows called so)."""

    def statistic(truth: Truth, answers: Floats) -> Statistic:
        true, called = (_one_hot(labels, answers.shape[1]) for labels in (truth, answers.argmax(1)))
        return lambda weights: _mean_of_defined(value(weights @ (true * called), weights @ true, weights @ called))

    return statistic


def _mean_of_defined(values: Floats) -> Floats:
    """The mean along the last axis of what is a number; NaN where nothing is."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(-1) / defined.sum(-1), dtype=np.float64)


def _recall(hits: Floats, true: Floats, called: Floats) -> Floats:  # noqa: ARG001  one shape for each
    return _ratio(hits, true)


def _f1(hits: Floats, true: Floats, called: Floats) -> Floats:
    return _ratio(2 * hits, true + called)


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _roc_auc(truth: Truth, answers: Floats) -> Statistic:
    """The positive class's area, or the mean over one-versus-rest areas of the classes that occur."""
    classes = [1] if answers.shape[1] == 2 else range(answers.shape[1])
    areas = [_area(truth == index, answers[:, index]) for index in classes]
    return lambda weights: _mean_of_defined(np.stack([area(weights) for area in areas], axis=-1))


def _area(positive: NDArray[np.bool_], scores: Floats) -> Statistic:
    """The share of (positive, negative) pairs in the right order, ties counting half (Mann and Whitney, 1947)."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    sign = positive[order]

    def statistic(weights: Floats) -> Floats:
        ordered = weights[:, order]
        ups = np.add.reduceat(ordered * sign, starts, axis=1)
        downs = np.add.reduceat(ordered * ~sign, starts, axis=1)
        pairs = (ups * (downs.cumsum(1) - downs / 2)).sum(1)
        return _ratio(pairs, ups.sum(1) * downs.sum(1))

    return statistic


def _rmse(truth: Truth, answers: Floats) -> Statistic:
    squares = (truth - answers) ** 2
    return lambda weights: np.sqrt(weights @ squares / weights.sum(1))


def _r2(truth: Truth, answers: Floats) -> Statistic:
    squares, centered = (truth - answers) ** 2, truth - truth.mean()

    def statistic(weights: Floats) -> Floats:
        total = weights @ centered**2 - (weights @ centered) ** 2 / weights.sum(1)
        return 1 - _ratio(weights @ squares, total)

    return statistic


METRICS: dict[str, Metric] = {one.name: one for one in (
    Metric("accuracy", CLASSES, True, 1, 0, _mean(_correct), _correct),
    Metric("balanced_accuracy", CLASSES, True, 1, 0, _per_class(_recall)),
    Metric("f1", CLASSES, True, 1, 0, _per_class(_f1)),
    Metric("roc_auc", CLASSES, True, 1, 0, _roc_auc),
    Metric("log_loss", CLASSES, False, 0, math.inf, _mean(_surprise), _surprise),
    Metric("brier", CLASSES, False, 0, 2, _mean(_squares), _squares),
    Metric("rmse", NUMBERS, False, 0, math.inf, _rmse),
    Metric("mae", NUMBERS, False, 0, math.inf, _mean(_distance), _distance),
    Metric("r2", NUMBERS, True, 1, -math.inf, _r2),
)}
