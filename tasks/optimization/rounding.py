"""How far apart two answers are, and how far apart two right ways to add up the same numbers may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tasks.errors import ParityError
from tasks.records import Model, Schema
from tasks.store import Store
from tasks.training import networks, reference
from tasks.training.neural import matrix
from tasks.training.pipelines import ask

STEP = 2.0**-20  # sixteen float32 roundings: what a sum of a few hundred terms loses
SAMPLES = 4
Answer = Callable[[np.random.Generator], NDArray[np.float32]]


def differences(found: NDArray[Any], expected: NDArray[Any], *, relative: bool) -> NDArray[np.float64]:
    """The largest difference of each row; infinite where an answer is not a number. Raises ParityError for two shapes.

    >>> differences(np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]]), relative=False)
    array([0.25])
    """
    if found.shape != expected.shape:
        raise ParityError(f"the graph answers with shape {found.shape}, the model with {expected.shape}.")
    apart = np.abs(found.astype(np.float64) - expected)
    if relative:
        apart /= np.maximum(1.0, np.abs(expected))
    apart = np.where(np.isfinite(apart), apart, np.inf)
    return np.asarray(apart.reshape(len(apart), -1).max(axis=1), dtype=np.float64)


def unrest(model: Model, frame: DataFrame, answers: NDArray[Any], schema: Schema, store: Store) -> NDArray[np.float64]:
    """How far a model's own answers to typed rows move when its weights move by a few float32 steps; trees stand still.

    A product in float32 is the exact product of weights a little off (backward error: Higham, Accuracy and Stability
    of Numerical Algorithms, 2002, section 3.1). With inputs of a million and two classes nearly tied that decides.
    """
    shaken = _shaken_network(model, frame, schema, store) if model.form == "torch" else (
        _shaken_pipeline(model, frame, schema, store))
    if shaken is None:
        return np.zeros(len(frame))
    moved = [differences(shaken(np.random.default_rng(sample)), answers, relative=not schema.classes)
             for sample in range(SAMPLES)]
    return np.asarray(np.max(moved, axis=0), dtype=np.float64)


def _shaken_network(model: Model, frame: DataFrame, schema: Schema, store: Store) -> Answer | None:
    import torch

    if model.preprocessing is None:
        return None
    rows = matrix(reference.load_sklearn(store.fetch(model.preprocessing)), frame)

    def answer(random: np.random.Generator) -> NDArray[np.float32]:
        network = networks.load(store.fetch(model.artifact))
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(torch.from_numpy(_shake(random, tuple(weight.shape))))
        return networks.ask_network(network, rows, regression=not schema.classes)

    return answer


def _shaken_pipeline(model: Model, frame: DataFrame, schema: Schema, store: Store) -> Answer | None:
    pipeline = reference.load_sklearn(store.fetch(model.artifact))
    estimator = pipeline.steps[-1][1]
    if not hasattr(estimator, "coef_"):
        return None
    weights = estimator.coef_

    def answer(random: np.random.Generator) -> NDArray[np.float32]:
        estimator.coef_ = weights * _shake(random, weights.shape)
        return ask(pipeline, frame, schema)

    return answer


def _shake(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return (1 + STEP * random.standard_normal(shape)).astype(np.float32)
