"""Convolutional networks, for images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form, Schema
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.networks import Architecture
from tasks.training.neural import Course, fit_network

if TYPE_CHECKING:
    from optuna.trial import Trial


LARGE = 16  # pixels of a side
SHALLOW, DEEP, POOLS = (32, 32, 64), (32, 32, 64, 64, 128), (2, 4)


class Cnn(Family):
    """Convolutions of 3 by 3 with batch normalization, ReLU and a few maximum pools, then dense layers.

    Pairs of small convolutions between pools, wider after each, as in Simonyan and Zisserman, Very Deep Convolutional
    Networks for Large-Scale Image Recognition, 2015; small images have few of them.
    """

    yields: ClassVar[Form] = "torch"
    first: ClassVar[Params] = {"rate": 0.01, "dropout": 0.3, "decay": 0.01}
    kind: Literal["cnn"] = "cnn"
    trials: int | None = Field(1, ge=1, description="how many are tried; None: as many as training.trials says")
    channels: tuple[int, ...] | None = Field(None, min_length=1, description="of each convolution; None: 32, 32, 64, "
                                                                             "and 64, 128 more where both sides have "
                                                                             "16 pixels at least")
    pools: tuple[int, ...] | None = Field(None, description="after how many convolutions a 2 by 2 maximum is taken; "
                                                            "None: 2, and 4 where there are so many")
    hidden: tuple[int, ...] = Field((), description="the widths of dense layers after the convolutions")
    epochs: int | None = Field(None, ge=1, description="None: 40, or 20 where both sides have 16 pixels")
    smoothing: float = Field(0.1, ge=0, lt=1, description="of the labels, so that no answer is too sure")

    def suits(self, schema: Schema) -> bool:
        return schema.input == "image"

    def space(self, trial: Trial) -> Params:
        return {"rate": trial.suggest_float("rate", 3e-3, 3e-2, log=True),
                "dropout": trial.suggest_float("dropout", 0.0, 0.5),
                "decay": trial.suggest_float("decay", 1e-4, 0.1, log=True)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:
        epochs = self.epochs or (20 if _large(data.schema) else 40)
        course = Course(epochs, params["rate"], params["decay"], self.smoothing)
        return fit_network(self.plan(data.schema, params["dropout"]), course, data, seed=seed, device=device)

    def plan(self, schema: Schema, dropout: float) -> Architecture:
        """The network for images of this size."""
        channels = self.channels or (DEEP if _large(schema) else SHALLOW)
        pools = self.pools if self.pools is not None else tuple(place for place in POOLS if place <= len(channels))
        return {"kind": "cnn", "channels": list(channels), "pools": list(pools), "hidden": list(self.hidden),
                "dropout": dropout}


def _large(schema: Schema) -> bool:
    return min(schema.shape) >= LARGE
