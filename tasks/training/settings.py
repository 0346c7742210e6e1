"""What training is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tasks.records import Record
from tasks.training.families import AnyFamily, Boosting, Cnn, Constant, Forest, Linear, Mlp
from tasks.training.metrics import METRICS

EVERY_FAMILY: tuple[AnyFamily, ...] = (Constant(), Linear(), Forest(), Boosting(), Mlp(), Cnn())


class TrainingSettings(Record):
    """Which families compete, by which metric, and how long each may search."""

    families: tuple[AnyFamily, ...] = Field(EVERY_FAMILY, min_length=1, description="unsuitable ones are skipped")
    primary: str = Field("accuracy", description="the metric that decides")
    trials: int = Field(8, ge=1, description="hyper-parameters tried in each family that has no number of its own, as "
                                             "linear; more for another: {kind: forest, trials: 20}")
    seconds: float = Field(300, gt=0, description="no further trial starts after so long. A safety only: what is cut "
                                                  "off by the clock cannot be repeated bit for bit")
    seed: int = Field(0, ge=0, lt=2**32)
    threads: int = Field(1, ge=1, description="of each family's own process")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    weights: Literal["auto", "balanced", "none"] = Field(
        "auto", description="balanced: each class weighs the same in a fit, however rare; auto: balanced where the "
                            "primary metric is balanced_accuracy, else none")

    @property
    def balanced(self) -> bool:
        """Whether each class weighs the same in a fit."""
        return self.weights == "balanced" or (self.weights == "auto" and self.primary == "balanced_accuracy")

    @field_validator("primary")
    @classmethod
    def _is_known(cls, primary: str) -> str:
        if primary not in METRICS:
            raise ValueError(f"metric {primary!r} is not known. Known are {', '.join(sorted(METRICS))}.")
        return primary

    @field_validator("families")
    @classmethod
    def _are_different(cls, families: tuple[AnyFamily, ...]) -> tuple[AnyFamily, ...]:
        kinds = [family.kind for family in families]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"{', '.join(twice)} stands twice in training.families; each may stand once")
        return families
