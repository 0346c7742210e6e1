"""The champion of a run: the best model by validation, and of those tied with it the smallest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.records import PreparedData, TrainedModel
from tasks.store import Store
from tasks.training.intervals import bca, normal_quantile
from tasks.training.metrics import losses, metric

LEVEL = 0.8  # narrower than what is reported: to call a weaker model equal costs more than to keep a larger one


def champion(models: Sequence[TrainedModel], prepared: PreparedData, store: Store, *,
             level: float = LEVEL) -> TrainedModel:
    """The smallest of the models that are tied with the best on the validation rows.

    Tied: the interval of the paired difference to the best, at the given level, holds zero. Raises TrainingError where
    there is no model, or the models were judged by different metrics.
    """
    if len(primaries := {model.primary for model in models}) != 1:
        raise TrainingError(f"a champion needs models judged by one metric, not {len(models)} models by "
                            f"{sorted(primaries) or 'none'}. Train at least one family that suits the data.")
    name = primaries.pop()
    truth = preparation.target(preparation.load(prepared.validation, store), prepared.data_schema)
    answers = [np.load(store.fetch(model.answers), allow_pickle=False) for model in models]
    best = _best(models)
    peers = [model for model, answer in zip(models, answers, strict=True)
             if model is models[best] or tied(name, truth, answers[best], answer, level=level)]
    return min(peers, key=lambda model: model.model.size_bytes)


def _best(models: Sequence[TrainedModel]) -> int:
    judge = metric(models[0].primary)
    best = 0
    for index, model in enumerate(models):
        if judge.better(model.quality.value, models[best].quality.value):
            best = index
    return best


def tied(name: str, truth: NDArray[Any], best: NDArray[Any], other: NDArray[Any], *, level: float = LEVEL) -> bool:
    """Whether the interval of the paired difference in a metric, on the same rows, holds zero.

    Accuracy: Tango's score interval (1998) holds zero exactly where |b - c| ≤ z √(b + c), b and c being the rows that
    only the one or only the other has right. Other means of rows: the normal interval of the mean difference. The
    rest: the BCa bootstrap of the difference.
    """
    ours, theirs = losses(name, truth, best), losses(name, truth, other)
    if ours is None or theirs is None:
        first, second = (metric(name).statistic(truth, a.astype(np.float64)) for a in (best, other))
        low, high = bca(lambda weights: first(weights) - second(weights), len(truth), level, seed=0)
        return low <= 0 <= high
    apart = ours - theirs
    spread = float(np.sum(apart**2)) if name == "accuracy" else len(apart) * float(np.var(apart))
    return abs(float(np.sum(apart))) <= normal_quantile(level) * math.sqrt(spread)
