"""The null: what a model must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.pipelines import fit_pipeline

if TYPE_CHECKING:
    from optuna.trial import Trial


class Constant(Family):
    """The same answer for every row: the shares of the classes, or the mean.

    A tree that never splits says just that, and unlike scikit-learn's dummies it converts to ONNX.
    """

    yields: ClassVar[Form] = "sklearn"
    kind: Literal["constant"] = "constant"
    trials: int | None = Field(1, ge=1, description="one: there is nothing to search")

    def space(self, trial: Trial) -> Params:  # noqa: ARG002  nothing to search
        return {}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:  # noqa: ARG002  nothing to vary
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeRegressor if data.schema.task == "regression" else DecisionTreeClassifier
        return fit_pipeline(kind(min_samples_split=len(data.train) + 1, random_state=seed), data)
