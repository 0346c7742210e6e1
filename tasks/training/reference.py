"""The trained model in Python: keep it, and ask it what every graph made from it must answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.records import Artifact, Model, Schema
from tasks.store import Store
from tasks.training import networks
from tasks.training.folds import Fitted
from tasks.training.neural import matrix
from tasks.training.pipelines import ask, load_sklearn, save_sklearn

__all__ = ["answers", "keep", "keep_answers", "load_sklearn"]


def keep(fitted: Fitted, store: Store) -> Model:
    """Store a fitted model: a pipeline as skops, a network as safetensors with its transformer (skops) beside it."""
    if fitted.form == "sklearn":
        return Model(form="sklearn", artifact=_keep_sklearn(fitted.model, store))
    with store.scratch() as folder:
        networks.save(fitted.model, path := folder / "network.safetensors")
        return Model(form="torch", artifact=store.put(path),
                     preprocessing=_keep_sklearn(fitted.preprocessing, store))


def _keep_sklearn(fitted: Any, store: Store) -> Artifact:
    with store.scratch() as folder:
        save_sklearn(fitted, path := folder / "model.skops")
        return store.put(path)


def keep_answers(given: NDArray[np.float32], store: Store) -> Artifact:
    """Store answers as .npy."""
    with store.scratch() as folder:
        np.save(path := folder / "answers.npy", given, allow_pickle=False)
        return store.put(path)


def answers(model: Model, frame: DataFrame, schema: Schema, store: Store) -> NDArray[np.float32]:
    """What a trained model says of a split's rows: probabilities (rows, classes) or predictions (rows,).

    Raises TrainingError for a form that Python does not run here (a graph has its runtimes).
    """
    typed = preparation.typed(frame, schema)
    path: Path = store.fetch(model.artifact)
    if model.form == "sklearn":
        return ask(load_sklearn(path), typed, schema)
    if model.form == "torch" and model.preprocessing is not None:
        rows = matrix(load_sklearn(store.fetch(model.preprocessing)), typed)
        return networks.ask_network(networks.load(path), rows, regression=not schema.classes)
    raise TrainingError(f"a model of form {model.form!r} is not asked here. Forms are sklearn, and torch with its "
                        f"preprocessing; for a graph take a runtime.")
