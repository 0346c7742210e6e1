"""Random forests."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.pipelines import fit_pipeline

if TYPE_CHECKING:
    from optuna.trial import Trial


class Forest(Family):
    """Many deep trees, each on its own sample of rows and features, that vote."""

    yields: ClassVar[Form] = "sklearn"
    first: ClassVar[Params] = {"leaf": 1, "features": 0.2}
    kind: Literal["forest"] = "forest"
    trials: int | None = Field(4, ge=1, description="how many are tried; None: as many as training.trials says")
    trees: int = Field(200, ge=1)
    depth: int | None = Field(None, ge=1, description="None: as deep as the rows ask")

    def space(self, trial: Trial) -> Params:
        return {"leaf": trial.suggest_int("leaf", 1, 20, log=True),
                "features": trial.suggest_float("features", 0.1, 1.0)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:  # noqa: ARG002  trees use the CPU
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind = RandomForestRegressor if data.schema.task == "regression" else RandomForestClassifier
        return fit_pipeline(kind(self.trees, max_depth=self.depth, min_samples_leaf=params["leaf"],
                                 max_features=params["features"], random_state=seed), data)
