"""Multi-layer perceptrons."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tasks.records import Form
from tasks.training.families._base import Family, Params
from tasks.training.folds import Fitted, Fold
from tasks.training.neural import Course, fit_network

if TYPE_CHECKING:
    from optuna.trial import Trial


class Mlp(Family):
    """Dense layers with ReLU and dropout between them, over numbers that are cut into pieces where that helps.

    The second trial is without pieces, for rows to which they bring nothing. `pieces` is how many a number is cut into
    at most, 200 train rows to a piece.
    """

    yields: ClassVar[Form] = "torch"
    first: ClassVar[Params] = {"rate": 0.003, "dropout": 0.2, "decay": 0.01, "pieces": 32}
    proven: ClassVar[tuple[Params, ...]] = ({"rate": 0.005, "dropout": 0.1, "decay": 0.1, "pieces": 0},)
    kind: Literal["mlp"] = "mlp"
    trials: int | None = Field(2, ge=1, description="how many are tried; None: as many as training.trials says")
    hidden: tuple[int, ...] = Field((256, 128), min_length=1, description="the widths of the hidden layers")
    epochs: int = Field(40, ge=1)
    smoothing: float = Field(0.05, ge=0, lt=1, description="of the labels, so that no answer is too sure")

    def space(self, trial: Trial) -> Params:
        return {"rate": trial.suggest_float("rate", 5e-4, 1e-2, log=True),
                "dropout": trial.suggest_float("dropout", 0.0, 0.5),
                "decay": trial.suggest_float("decay", 1e-4, 0.3, log=True),
                "pieces": trial.suggest_int("pieces", 0, 64, step=16)}

    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:
        plan = {"kind": "mlp", "hidden": list(self.hidden), "dropout": params["dropout"]}
        course = Course(self.epochs, params["rate"], params["decay"], self.smoothing, params["pieces"])
        return fit_network(plan, course, data, seed=seed, device=device)
