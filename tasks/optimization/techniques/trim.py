"""Trees that the others can do without."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from pydantic import Field

from tasks.data import preparation
from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Model, PreparedData
from tasks.store import Store
from tasks.training.pipelines import load_sklearn, save_sklearn

ROWS = 4_000  # validation rows that judge: more would cost time and decide alike
Floats = NDArray[np.float32]


class Trim(Technique):
    """Keep a share of a forest's or a boosting model's trees, those that do best on validation rows.

    A forest: forward selection, each time the tree that brings the mean of the chosen ones nearest to the truth
    (Caruana et al., Ensemble Selection from Libraries of Models, 2004), by squared error. A boosting model: the prefix
    of its iterations with the least squared error, within the share; later trees mend what earlier ones left.
    """

    accepts: ClassVar[frozenset[Form]] = frozenset({"sklearn"})
    families: ClassVar[frozenset[str]] = frozenset({"forest", "boosting"})
    kind: Literal["trim"] = "trim"
    share: float = Field(0.25, gt=0, le=1, description="of the trees, the most that may stay")

    def apply(self, model: Model, data: PreparedData, store: Store, *, seed: int) -> Model:  # noqa: ARG002
        pipeline = load_sklearn(store.fetch(model.artifact))
        typed, truth = _judges(data, store)
        matrix = pipeline[:-1].transform(typed)
        trees = pipeline.steps[-1][1]
        boosts = hasattr(trees, "_predictors")
        smaller = _prefix(trees, matrix, truth, self.share) if boosts else _subset(trees, matrix, truth, self.share)
        trimmed = copy.copy(pipeline)
        trimmed.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], smaller)]
        with store.scratch() as folder:
            save_sklearn(trimmed, path := folder / "model.skops")
            return Model(form="sklearn", artifact=store.put(path))


def _judges(data: PreparedData, store: Store) -> tuple[DataFrame, Floats]:
    """Validation rows, evenly spaced where there are many, and their truth: one-hot (rows, classes), or (rows, 1)."""
    schema = data.data_schema
    frame = preparation.load(data.validation, store)
    frame = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, ROWS).astype(int))]
    target = preparation.target(frame, schema)
    truth = np.eye(len(schema.classes))[target] if schema.classes else target[:, None]
    return preparation.typed(frame, schema), truth.astype(np.float32)


def _subset(forest: Any, matrix: Any, truth: Floats, share: float) -> Any:
    """The forest of the chosen trees, in their old order."""
    ask = "predict_proba" if truth.shape[1] > 1 else "predict"
    answers = np.stack([getattr(tree, ask)(matrix).reshape(truth.shape) for tree in forest.estimators_])
    chosen = select(answers.astype(np.float32), truth, max(1, round(share * len(answers))))
    smaller = copy.copy(forest)
    smaller.estimators_ = [forest.estimators_[tree] for tree in sorted(chosen)]
    return smaller.set_params(n_estimators=len(chosen))


def select(answers: Floats, truth: Floats, most: int) -> list[int]:
    """Which trees' answers (trees, rows, columns) have a mean near the truth (rows, columns): `most`, greedily.

    >>> select(np.float32([[[0]], [[4]], [[7]]]), np.float32([[2]]), 2)
    [0, 1]
    """
    total = np.zeros_like(truth)
    chosen: list[int] = []
    for count in range(1, most + 1):
        errors = np.array([np.inf if tree in chosen else np.square((total + answer) / count - truth).mean()
                           for tree, answer in enumerate(answers)])
        chosen.append(int(errors.argmin()))
        total = total + answers[chosen[-1]]
    return chosen


def _prefix(boosting: Any, matrix: Any, truth: Floats, share: float) -> Any:
    """The boosting model cut after its best iteration, within the share."""
    most = max(1, round(share * boosting.n_iter_))
    ask = boosting.staged_predict_proba if truth.shape[1] > 1 else boosting.staged_predict
    errors = [np.square(answer.reshape(truth.shape) - truth).mean() for answer, _ in zip(ask(matrix), range(most),
                                                                                        strict=False)]
    smaller = copy.copy(boosting)
    smaller._predictors = boosting._predictors[:int(np.argmin(errors)) + 1]  # noqa: SLF001  no public way to cut it
    return smaller.set_params(max_iter=len(smaller._predictors))  # noqa: SLF001
