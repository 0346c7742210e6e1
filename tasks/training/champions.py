"""The champion of a run: the best model by validation that beats the null, and of those tied with it the smallest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.records import PreparedData, TrainedModel, Untrained
from tasks.store import Store
from tasks.training.intervals import bca, normal_quantile
from tasks.training.metrics import losses, metric

LEVEL = 0.8  # narrower than what is reported: to call a weaker model equal costs more than to keep a larger one
SHOWN = 0.95  # that a model says more than the null does is claimed, and a claim needs the usual width
NULL = "constant"


def champion(models: Sequence[TrainedModel], prepared: PreparedData, store: Store, *,
             level: float = LEVEL) -> TrainedModel:
    """The smallest of the models that are tied with the best on the validation rows; the null only where it is alone.

    Tied: the interval of the paired difference to the best, at the given level, holds zero. Raises TrainingError where
    there is no model, the models were judged by different metrics, or none is shown to be better than the null.
    """
    if len(primaries := {model.primary for model in models}) != 1:
        raise TrainingError(f"a champion needs models judged by one metric, not {len(models)} models by "
                            f"{sorted(primaries) or 'none'}. Train at least one family that suits the data.")
    name = primaries.pop()
    truth = preparation.target(preparation.load(prepared.validation, store), prepared.data_schema)
    answers = {model.family: np.load(store.fetch(model.answers), allow_pickle=False) for model in models}
    worthy = _worthy(models, truth, answers)
    best = _best(worthy)
    peers = [model for model in worthy
             if model is best or tied(name, truth, answers[best.family], answers[model.family], level=level)]
    return min(peers, key=lambda model: model.model.size_bytes)


def standing(results: Sequence[TrainedModel | Untrained]) -> tuple[list[TrainedModel], list[Untrained]]:
    """The models that families gave, and the families that are left out.

    Raises TrainingError, with every reason, where none is left, or only the null beside families that failed.
    """
    models = [result for result in results if isinstance(result, TrainedModel)]
    left_out = [result for result in results if isinstance(result, Untrained)]
    if left_out and not any(model.family != NULL for model in models):
        reasons = "\n".join(each.reason for each in left_out)
        raise TrainingError(f"no family is left to choose a champion from: {len(left_out)} failed.\n{reasons}\n"
                            f"Mend the rows, or take other families.")
    return models, left_out


def _worthy(models: Sequence[TrainedModel], truth: NDArray[Any],
            answers: Mapping[str, NDArray[Any]]) -> list[TrainedModel]:
    """The models that are shown to be better than the null, where it and others were trained."""
    null = next((model for model in models if model.family == NULL), None)
    others = [model for model in models if model is not null]
    if null is None or not others:
        return list(models)
    name, judge = null.primary, metric(null.primary)
    worthy = [model for model in others if judge.better(model.quality.value, null.quality.value)
              and not tied(name, truth, answers[model.family], answers[NULL], level=SHOWN)]
    if not worthy:
        best = _best(others)
        raise TrainingError(f"no family is shown to say more than {NULL!r}, the same answer for every row: on "
                            f"{len(truth)} validation rows {name} is {null.quality.value:.4g} for it and "
                            f"{best.quality.value:.4g} for {best.family!r}, the best of the others. Give more rows, or "
                            f"columns that tell of the target, or take another training.primary.")
    return worthy


def _best(models: Sequence[TrainedModel]) -> TrainedModel:
    judge, best = metric(models[0].primary), models[0]
    for model in models[1:]:
        if judge.better(model.quality.value, best.quality.value):
            best = model
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
