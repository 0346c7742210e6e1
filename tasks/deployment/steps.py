"""The deployment stage's steps: policy here, work elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.caching import step, unrecorded
from tasks.data import preparation
from tasks.deployment import gate, measurement, packaging, releasing, selection
from tasks.deployment.settings import DeploymentSettings, MeasurementSettings
from tasks.deployment.target import Target, threads_of
from tasks.records import (
    Artifact,
    Candidate,
    Failed,
    Measurement,
    PreparedData,
    Refusal,
    Release,
    TrainedModel,
    Verdict,
)
from tasks.store import Store


@step(name="measure", task_run_name="measure {target.name}")
def measure(
    candidates: Sequence[Candidate], target: Target, prepared: PreparedData, settings: MeasurementSettings,
    primary: str, machine: str,  # noqa: ARG001 numbers of another machine are other numbers: for the cache key
) -> list[Measurement | Failed]:
    """Time every candidate on one target, interleaved, with nothing else of ours running."""
    return list(measurement.measure(tuple(candidates), target, prepared, settings, primary, Store()))


@step(name="select", task_run_name="select {target.name}")
def select(
    candidates: Sequence[Candidate], measurements: Sequence[Measurement], champion: TrainedModel, target: Target,
    prepared: PreparedData, settings: DeploymentSettings,
) -> selection.Selection | Refusal:
    """Drop what does not fit, then let the rule pick."""
    store = Store()
    truth = preparation.target(preparation.load(prepared.validation, store), prepared.data_schema)
    answers = {measured.candidate: np.load(store.fetch(measured.answers)) for measured in measurements}
    return selection.select(target, candidates, measurements, np.load(store.fetch(champion.answers)), truth,
                            prepared.rows.test, champion.primary, settings, answers=answers)


@step(name="certify", task_run_name="certify {candidate.name} for {target.name}")
def certify(
    candidate: Candidate, champion: TrainedModel, target: Target, prepared: PreparedData, settings: DeploymentSettings
) -> gate.Certified:
    """Compare the selected candidate with the champion on the test rows."""
    return gate.certify_on_test(candidate, champion, target, prepared, settings, Store())


@step(name="pack", task_run_name="pack {candidate.name} for {target.name}")
def pack(
    candidate: Candidate, target: Target, measured: Measurement, verdict: Verdict, prepared: PreparedData,
    _lineage: packaging.Lineage, key: str,  # noqa: ARG001 who signs: for the cache key
) -> Artifact:
    """Write and sign the package; its lineage is that of the run that packed it first."""
    store = Store()
    built = target.runtime.build(candidate, threads_of(target), prepared.data_schema, store)
    return packaging.pack(candidate, built, target, measured, verdict, prepared, _lineage, store)


@unrecorded(name="release", task_run_name="release {measured.target}")
def release(
    package: Artifact, verdict: Verdict, measured: Measurement, run: str, trusted: tuple[Path, ...] = ()
) -> Release:
    """Prove the package in a fresh process and move the pointer; the same package is released once."""
    return releasing.release(package, verdict=verdict, measurement=measured, store=Store(), run=run, trusted=trusted)
