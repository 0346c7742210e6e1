"""All that a report tells, gathered: the page, the pictures and the summaries read this and nothing else."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from tasks.records import (
    Budgets,
    Candidate,
    Failed,
    Json,
    Measurement,
    Miss,
    PreparedData,
    Record,
    Refusal,
    Release,
    Scenario,
    TrainedModel,
    Untrained,
    Verdict,
)


class Attribution(NamedTuple):
    """What one technique of a recipe bought and cost: the whole recipe against the recipe without it.

    Factors above 1 are gains (smaller, faster); None is not measured.
    """

    recipe: str
    technique: str
    size_factor: float | None
    latency_factor: float | None
    quality_change: float | None


class TargetStory(Record):
    """What happened on one target: who was measured, who fell where, what was released or why nothing was."""

    name: str
    budgets: Budgets
    scenario: Scenario
    threads: int
    measurements: tuple[Measurement | Failed, ...]
    misses: dict[str, tuple[Miss, ...]] = Field({}, description="what each candidate did not meet; empty: it fits")
    standing: dict[str, str] = Field({}, description="where selection left each candidate: tied, costlier, dominated")
    front: tuple[str, ...] = ()
    chosen: str | None = None
    verdict: Verdict | None = None
    tried: tuple[Verdict, ...] = Field((), description="every verdict on the test rows, in order; one passes at most")
    release: Release | None = None
    served_since: str = Field("", description="when the release began to serve, where it did before this run")
    refusal: Refusal | None = None

    @property
    def measured(self) -> tuple[Measurement, ...]:
        """The measurements that came to numbers."""
        return tuple(m for m in self.measurements if isinstance(m, Measurement))

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The candidates that could not be built or measured here."""
        return tuple(m for m in self.measurements if isinstance(m, Failed))

    def measurement(self, candidate: str) -> Measurement | None:
        """A candidate's numbers on this target."""
        return next((m for m in self.measured if m.candidate == candidate), None)


class Lineage(Record):
    """Where the run's results come from, as far back as the bytes of its source."""

    data_digest: str
    code_commit: str
    settings_digest: str
    mlflow_run: str = ""
    mlflow_url: str = ""
    prefect_run: str = ""


class Story(Record):
    """One run of the pipeline, from what was asked to what was released."""

    project: str
    started: str = Field(description="UTC, ISO 8601")
    finished: str
    seconds: float
    prepared: PreparedData
    expectations: Json = Field(None, description="the validation's results, loaded from PreparedData.expectations")
    quarantine: dict[str, int] = Field({}, description="rows put aside, by reason")
    trained: tuple[TrainedModel, ...]
    champion: str = Field(description="the champion's family")
    left_out: tuple[Untrained, ...] = ()
    candidates: tuple[Candidate | Failed, ...]
    targets: tuple[TargetStory, ...]
    attributions: tuple[Attribution, ...] = ()
    pictured: str = Field("", description="whose answers the confusion or the residuals show")
    pictured_on: Literal["validation", "test"] = "test"
    confusion: tuple[tuple[int, ...], ...] = Field((), description="rows: true class; columns: answer")
    residuals: tuple[tuple[float, float], ...] = Field((), description="(truth, answer) of each row")
    reused: tuple[str, ...] = Field((), description="what an earlier run had already made")
    lineage: Lineage
    settings: str = Field("", description="the settings of the run, as YAML")

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return self.trained[0].primary if self.trained else ""

    @property
    def champion_model(self) -> TrainedModel | None:
        """The champion among the trained models."""
        return next((t for t in self.trained if t.family == self.champion), None)

    @property
    def made(self) -> tuple[Candidate, ...]:
        """The candidates that recipes gave."""
        return tuple(c for c in self.candidates if isinstance(c, Candidate))

    def candidate(self, name: str) -> Candidate | None:
        """A candidate by its name."""
        return next((c for c in self.made if c.name == name), None)
