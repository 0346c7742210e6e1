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


TREES, FEWEST = 500, 60  # of three and more classes, each has trees of its own: they share what two would have


class Boosting(Family):
    """Small trees, each fitted to what the ones before it missed, until validation rows gain no more.

    Categories arrive one-hot: the ONNX conversion of native categorical splits answers wrongly. The first trials are a
    portfolio, settings that do well on tables of several kinds (Feurer et al., Auto-Sklearn 2.0, 2022): so few draws
    at random would seldom find as good ones.
    """

    yields: ClassVar[Form] = "sklearn"
    first: ClassVar[Params] = {"rate": 0.1, "leaves": 15, "leaf": 10}
    proven: ClassVar[tuple[Params, ...]] = ({"rate": 0.05, "leaves": 63, "leaf": 100},
                                            {"rate": 0.05, "leaves": 15, "leaf": 20})
    kind: Literal["boosting"] = "boosting"
    trials: int | None = Field(3, ge=1, description="how many are tried; None: as many as training.trials says")
    iterations: int | None = Field(None, ge=1, description="the most trees, per class; None: 500, shared by "
                                                           "three and more classes, 60 each at least")
    patience: int = Field(20, ge=1, description="so many trees without a gain on validation rows end a fit")

    def space(self, trial: Trial) -> Params:
        return {"rate": trial.suggest_float("rate", 0.02, 0.3, log=True),
                "leaves": trial.suggest_int("leaves", 4, 127, log=True),
                "leaf": trial.suggest_int("leaf", 5, 200, log=True)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:  # noqa: ARG002  trees use the CPU
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if data.schema.task == "regression" else HistGradientBoostingClassifier
        count = len(data.schema.classes)
        most = self.iterations or (TREES if count < 3 else max(FEWEST, TREES // count))
        return fit_pipeline(kind(max_iter=most, learning_rate=params["rate"], max_leaf_nodes=params["leaves"],
                                 min_samples_leaf=params["leaf"], early_stopping=True,
                                 n_iter_no_change=self.patience, random_state=seed), data, watched=True)
