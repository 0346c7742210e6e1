"""Convolutional networks, for images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form, Schema
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.neural import Course, fit_network

if TYPE_CHECKING:
    from optuna.trial import Trial


class Cnn(Family):
    """Convolutions of 3 by 3 with batch normalization, ReLU and a few maximum pools, then dense layers."""

    yields: ClassVar[Form] = "torch"
    first: ClassVar[Params] = {"rate": 0.01, "dropout": 0.3, "decay": 0.01}
    kind: Literal["cnn"] = "cnn"
    trials: int | None = Field(1, ge=1, description="how many are tried; None: as many as training.trials says")
    channels: tuple[int, ...] = Field((32, 32, 64), min_length=1, description="of each convolution")
    pools: tuple[int, ...] = Field((2,), description="after how many convolutions a 2 by 2 maximum is taken")
    hidden: tuple[int, ...] = Field((), description="the widths of dense layers after the convolutions")
    epochs: int = Field(40, ge=1)
    smoothing: float = Field(0.1, ge=0, lt=1, description="of the labels, so that no answer is too sure")

    def suits(self, schema: Schema) -> bool:
        return schema.input == "image"

    def space(self, trial: Trial) -> Params:
        return {"rate": trial.suggest_float("rate", 3e-3, 3e-2, log=True),
                "dropout": trial.suggest_float("dropout", 0.0, 0.5),
                "decay": trial.suggest_float("decay", 1e-4, 0.1, log=True)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:
        plan = {"kind": "cnn", "channels": list(self.channels), "pools": list(self.pools), "hidden": list(self.hidden),
                "dropout": params["dropout"]}
        course = Course(self.epochs, params["rate"], params["decay"], self.smoothing)
        return fit_network(plan, course, data, seed=seed, device=device)
