"""Gradient-boosted trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.pipelines import fit_pipeline

if TYPE_CHECKING:
    from optuna.trial import Trial


class Boosting(Family):
    """Small trees, each fitted to what the ones before it missed.

    Categories arrive one-hot: the ONNX conversion of native categorical splits answers wrongly.
    """

    yields: ClassVar[Form] = "sklearn"
    first: ClassVar[Params] = {"rate": 0.1, "leaves": 15, "leaf": 10}
    kind: Literal["boosting"] = "boosting"
    trials: int | None = Field(4, ge=1, description="how many are tried; None: as many as training.trials says")
    iterations: int = Field(100, ge=1, description="trees, per class")

    def space(self, trial: Trial) -> Params:
        return {"rate": trial.suggest_float("rate", 0.03, 0.3, log=True),
                "leaves": trial.suggest_int("leaves", 4, 31, log=True),
                "leaf": trial.suggest_int("leaf", 5, 50, log=True)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:  # noqa: ARG002  trees use the CPU
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if data.schema.task == "regression" else HistGradientBoostingClassifier
        return fit_pipeline(kind(max_iter=self.iterations, learning_rate=params["rate"],
                                 max_leaf_nodes=params["leaves"], min_samples_leaf=params["leaf"],
                                 early_stopping=False, random_state=seed), data)
