"""What a fit takes and gives, in memory: the rows of a fold, and the fitted model with its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.records import Form, PreparedData, Schema
from tasks.store import Store


@dataclass(frozen=True)
class Fold:
    """The rows of one fit: typed frames with their targets (class indices, int64, or float64).

    balanced: each class weighs the same in a fit, however many rows it has.
    """

    schema: Schema
    train: DataFrame
    train_target: NDArray[Any]
    validation: DataFrame
    validation_target: NDArray[Any]
    balanced: bool = False

    @property
    def class_weights(self) -> NDArray[np.float32] | None:
        """What a row of each class weighs where classes weigh the same: n / (classes x rows of it), mean 1 over rows.

        King and Zeng, Logistic Regression in Rare Events Data, 2001: the weights of scikit-learn's `balanced`.
        """
        if not self.balanced or not self.schema.classes:
            return None
        counts = np.bincount(self.train_target, minlength=len(self.schema.classes))
        return (len(self.train_target) / (len(counts) * counts)).astype(np.float32)

    def check(self) -> None:
        """Raise TrainingError where nothing can be learned: no rows, a class without rows, a target not finite."""
        if not len(self.train) or not len(self.validation):
            raise TrainingError(f"{len(self.train)} train and {len(self.validation)} validation rows: both need rows. "
                                f"Give more rows, or change data.split.")
        if not (np.isfinite(self.train_target).all() and np.isfinite(self.validation_target).all()):
            raise TrainingError(f"target {self.schema.target.name!r} holds values that are not finite. "
                                f"Send them to quarantine with an expectation.")
        present = set(np.unique(self.train_target).tolist())
        if absent := [name for index, name in enumerate(self.schema.classes) if index not in present]:
            raise TrainingError(f"class {', '.join(map(repr, absent))} of target {self.schema.target.name!r} has no "
                                f"row in the train split. Give more rows, drop the class, or change data.salt.")


@dataclass(frozen=True)
class Fitted:
    """One fit: the model, what turns a typed frame into its input (torch only), and its validation answers.

    `answers` are float32: probabilities (rows, classes) in the schema's order, or predictions (rows,).
    """

    form: Form
    model: Any
    preprocessing: Any | None
    answers: NDArray[np.float32]


def fold(prepared: PreparedData, store: Store, *, balanced: bool = False) -> Fold:
    """The train and validation rows of prepared data, checked: what every family is fitted to."""
    schema = prepared.data_schema
    train, validation = preparation.load(prepared.train, store), preparation.load(prepared.validation, store)
    made = Fold(schema=schema,
                train=preparation.typed(train, schema), train_target=preparation.target(train, schema),
                validation=preparation.typed(validation, schema),
                validation_target=preparation.target(validation, schema), balanced=balanced)
    made.check()
    return made
