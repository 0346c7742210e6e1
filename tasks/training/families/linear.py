"""Linear models: logistic regression, or ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.pipelines import fit_pipeline

if TYPE_CHECKING:
    from optuna.trial import Trial


class Linear(Family):
    """A weighted sum of the features, held small by a squared penalty whose strength is searched."""

    yields: ClassVar[Form] = "sklearn"
    first: ClassVar[Params] = {"strength": 1.0}
    kind: Literal["linear"] = "linear"
    iterations: int = Field(500, ge=1, description="at most so many steps of the solver")

    def space(self, trial: Trial) -> Params:
        return {"strength": trial.suggest_float("strength", 1e-3, 1e3, log=True)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:  # noqa: ARG002  exact, on the CPU
        from sklearn.linear_model import LogisticRegression, Ridge

        if data.schema.task == "regression":
            return fit_pipeline(Ridge(alpha=params["strength"]), data)
        return fit_pipeline(LogisticRegression(C=1 / params["strength"], max_iter=self.iterations), data)
