"""A package measured again where it is: by the same clock and engine as before its release, on its golden rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.package import GOLDEN, MANIFEST, MODEL
from tasks.deployment.hardware import fingerprint
from tasks.deployment.measurement import exclusive, over_rounds
from tasks.deployment.selection import budget_miss
from tasks.deployment.settings import MeasurementSettings
from tasks.deployment.timing import Entrant, race
from tasks.errors import DeploymentError
from tasks.processes import run_apart
from tasks.records import Budgets, Estimate, Miss, Record, Scenario

FIGURES = {"latency_p50_ms": "p50_ms", "latency_p99_ms": "p99_ms", "throughput_per_s": "throughput_per_s",
           "cpu_s_per_1000": "cpu_s_per_1000"}


class Figure(Record):
    """One number, as the package says and as it is here."""

    name: str
    then: Estimate
    now: Estimate


class Remeasured(Record):
    """A package's numbers on this machine."""

    figures: tuple[Figure, ...]
    same_machine: bool
    misses: tuple[Miss, ...]


def remeasure(folder: Path, settings: MeasurementSettings | None = None) -> Remeasured:
    """Measure a verified package on this machine and compare with its manifest.

    Raises DeploymentError where the model cannot be run.
    """
    manifest = json.loads((folder / MANIFEST).read_bytes())
    said, threads = manifest["measurement"], int(manifest["runtime"]["threads"])
    with exclusive():
        rounds = run_apart(_rounds, folder, threads, settings or MeasurementSettings(), said["scenario"],
                           threads=threads)
    figures = tuple(Figure(name=name, then=Estimate.model_validate(said[name]), now=over_rounds(rounds[short]))
                    for name, short in FIGURES.items())
    return Remeasured(figures=figures, same_machine=said["fingerprint"] == fingerprint().model_dump(mode="json"),
                      misses=misses(figures, Budgets.model_validate(manifest["budgets"])))


def _rounds(
    folder: Path, threads: int, settings: MeasurementSettings, scenario: Scenario
) -> dict[str, list[float]]:
    from serving.engines.onnxruntime import open_graph
    from serving.inputs import feeds

    schema: Mapping[str, Any] = json.loads((folder / MANIFEST).read_bytes())["schema"]
    rows = feeds(schema, json.loads((folder / GOLDEN).read_bytes())["columns"])
    entrant = Entrant(folder.name, open_graph(folder / MODEL, threads))
    race([entrant], rows, settings, scenario)
    if entrant.failure:
        raise DeploymentError(f"{folder} cannot be measured: {entrant.failure}. Run farrier verify on it.")
    return entrant.rounds


def misses(figures: tuple[Figure, ...], budgets: Budgets) -> tuple[Miss, ...]:
    """The budgets that are not met here."""
    allowed = budgets.model_dump(exclude_none=True)
    found = (budget_miss(f.name, f.now, allowed[f.name]) for f in figures if f.name in allowed)
    return tuple(miss for miss in found if miss is not None)
