"""Fit a network to a fold: transform the typed frame, train, and keep the transformer beside the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.training.augmentation import Distortion
from tasks.training.folds import Fitted, Fold
from tasks.training.networks import Architecture, ask_network, build, train_network
from tasks.training.pieces import cut

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Course:
    """How long and how hard a network is trained, and into how many pieces numbers are cut for it (0: not)."""

    epochs: int
    rate: float
    decay: float
    smoothing: float
    pieces: float = 0


def fit_network(plan: Mapping[str, Any], course: Course, data: Fold, *, seed: int, device: str) -> Fitted:
    """Build the planned network for the fold's rows, train it, and ask it about the validation rows.

    `plan` is an architecture without inputs, outputs and unit. Images are distorted a little while it learns, and the
    last weights kept; with other rows, those of the epoch that was best on validation.
    Raises TrainingError where a hyper-parameter is refused, or the loss or an answer is not a number.
    """
    prepare = preparation.transformer(data.schema).fit(data.train)
    X, X_val = matrix(prepare, data.train), matrix(prepare, data.validation)
    X_exam, y_exam = (None, None) if data.schema.input == "image" else (X_val, data.validation_target)
    try:
        network = train_network(fresh(plan, course, X, data, seed=seed), X, data.train_target,
                                X_val=X_exam, y_val=y_exam, epochs=course.epochs, lr=course.rate,
                                weight_decay=course.decay, seed=seed, device=device, augment=distortion(data),
                                label_smoothing=course.smoothing, class_weights=data.class_weights)
    except ValueError as problem:
        raise TrainingError(f"a network of kind {plan['kind']!r} cannot be trained: {problem}") from problem
    answers = ask_network(network, X_val, regression=not data.schema.classes)
    if not np.isfinite(answers).all():
        raise TrainingError("the network answers with values that are not finite. Take a smaller learning rate.")
    return Fitted("torch", network, prepare, answers)


def fresh(plan: Mapping[str, Any], course: Course, X: NDArray[np.float32], data: Fold, *, seed: int) -> nn.Module:
    """The planned network with fresh weights, its first layer the pieces of the numbers where these are cut."""
    from torch import from_numpy, no_grad

    numbers = sum(column.kind == "number" for column in data.schema.features)  # the transformer puts them first
    pieces = cut(X, numbers, int(course.pieces)) if data.schema.input == "rows" else None
    if pieces is None:
        return build(architecture(plan, X.shape[1], data), seed=seed)
    wider = {**plan, "hidden": [len(pieces.bias), *plan["hidden"]], "clipped": True}
    network = build(architecture(wider, X.shape[1], data), seed=seed)
    fixed = network[0].state_dict(keep_vars=True)
    with no_grad():
        fixed["weight"].copy_(from_numpy(pieces.weight))
        fixed["bias"].copy_(from_numpy(pieces.bias))
    return network


def matrix(prepare: Any, frame: DataFrame) -> NDArray[np.float32]:
    """What a network reads: the transformed features of a typed frame, (rows, features)."""
    return np.ascontiguousarray(prepare.transform(frame), dtype=np.float32)


def architecture(plan: Mapping[str, Any], features: int, data: Fold) -> Architecture:
    """The plan with the widths and the unit that the rows ask for."""
    inputs = {"inputs": features} if plan["kind"] == "mlp" else {"shape": list(data.schema.shape)}
    if data.schema.classes:
        return {**plan, **inputs, "outputs": len(data.schema.classes)}
    y = data.train_target
    return {**plan, **inputs, "outputs": 1, "mean": float(y.mean()), "scale": float(y.std()) or 1.0}


def distortion(data: Fold) -> Distortion | None:
    """What changes images while a network learns from them; None for other rows."""
    if data.schema.input != "image":
        return None
    height, width = data.schema.shape
    return Distortion((height, width))
