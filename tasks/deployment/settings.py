"""What deployment is asked: how to measure, how much may be lost, and which of the fitting candidates to take."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.records import Record

Rule = Literal[
    "cpu_s_per_1000", "latency_p50_ms", "latency_p99_ms", "throughput_per_s", "memory_bytes", "size_bytes"
]


class MeasurementSettings(Record):
    """How long and how often each candidate is timed."""

    rounds: int = Field(7, ge=2, description="interleaved rounds: in each, every candidate once")
    seconds: float = Field(0.02, gt=0, description="timed seconds of one candidate, one scenario, one round")
    warm_up: int = Field(20, ge=0, description="calls before the first that counts")


class Margin(Record):
    """How much worse than the champion is still good enough: `drop` in the metric's unit, or `relative` to its score.

    >>> Margin(drop=0.02).of(0.98)
    0.02
    >>> Margin(relative=0.01).of(0.5)
    0.005
    """

    drop: float | None = Field(None, gt=0, description="absolute, in the metric's unit")
    relative: float | None = Field(None, gt=0, lt=1, description="a share of the champion's score")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.drop is None) == (self.relative is None):
            raise ValueError("a margin is either `drop` (in the metric's unit) or `relative` (a share), one of both")
        return self

    def of(self, champion: float) -> float:
        """The margin in the metric's unit, for a champion of this score."""
        return self.drop if self.drop is not None else (self.relative or 0.0) * abs(champion)


class SliceSettings(Record):
    """Rows that are certified on their own: those of each value of a column."""

    column: str
    values: tuple[bool | str | float, ...] | None = Field(None, description="None: each category that the schema knows")
    margin: Margin = Margin(drop=0.05)
    advisory: bool = Field(False, description="reported, but does not block")


class DeploymentSettings(Record):
    """The margins that a release must clear, and the rule that picks among those that fit."""

    margin: Margin = Margin(relative=0.01)
    level: float = Field(0.95, gt=0.5, lt=1, description="of each one-sided bound")
    power: float = Field(0.8, gt=0, lt=1, description="planned chance to certify, below which a candidate is not sent")
    slices: tuple[SliceSettings, ...] = ()
    rule: Rule = Field("cpu_s_per_1000", description="what the chosen one has least of (throughput: most)")
    resamples: int = Field(10_000, ge=1000, description="of the bootstrap, for metrics other than accuracy")
    seed: int = Field(0, description="of the bootstrap")
    measurement: MeasurementSettings = MeasurementSettings()
    trusted_keys: tuple[Path, ...] = Field((), description="PEM files of the public keys that may sign")
    trust_own_key: bool = Field(True, description="where none is named, those of this machine may; false: none may")
