"""The work of a run as plain functions: no Prefect, no MLflow, no cache; what orchestration is held against.

.venv/bin/python benchmarks/plain.py PROJECT
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from conf.settings import Settings, load
from tasks.data import preparation
from tasks.data.collection import collect
from tasks.deployment import gate, measurement, packaging, releasing, selection
from tasks.deployment.target import Target, threads_of
from tasks.optimization.optimize import optimize
from tasks.optimization.recipes import plan
from tasks.processes import warm_up
from tasks.records import Candidate, Measurement, PreparedData, Refusal, Release, TrainedModel, Verdict
from tasks.store import Store
from tasks.training.champions import champion
from tasks.training.tuning import tune


@dataclass(frozen=True)
class OnTarget:
    """What happened on one target; without a release, why."""

    reason: str
    candidate: Candidate | None = None
    verdict: Verdict | None = None
    release: Release | None = None


@dataclass(frozen=True)
class Done:
    """What each stage gave."""

    prepared: PreparedData
    champion: TrainedModel
    candidates: tuple[Candidate, ...]
    targets: tuple[OnTarget, ...]


def stages(settings: Settings) -> Done:
    """Every stage of a project, as `farrier run` does it."""
    store = Store()
    warm_up()
    prepared = preparation.prepare(collect(settings.data, store), settings.data, store)
    with ThreadPoolExecutor(settings.orchestration.workers) as pool:
        families = [family for family in settings.training.families if family.suits(prepared.data_schema)]
        trained = list(pool.map(lambda family: tune(family, prepared, settings.training, store), families))
        best = champion(trained, prepared, store)
        starts = {"champion": best, **{model.family: model for model in trained}}
        recipes = [r for r in plan(settings.optimization, settings.training.families, prepared.data_schema)
                   if r.start in starts]
        made = list(pool.map(lambda recipe: optimize(recipe, starts[recipe.start], prepared, settings.optimization,
                                                     store), recipes))
    candidates = tuple(candidate for candidate in made if isinstance(candidate, Candidate))
    targets = tuple(_deploy(target, candidates, best, prepared, settings) for target in settings.targets)
    return Done(prepared, best, candidates, targets)


def _deploy(
    target: Target, candidates: tuple[Candidate, ...], best: TrainedModel, prepared: PreparedData, settings: Settings
) -> OnTarget:
    store, rules = Store(), settings.deployment
    measured = [m for m in measurement.measure(candidates, target, prepared, rules.measurement, best.primary, store)
                if isinstance(m, Measurement)]
    chosen = _select(target, candidates, measured, best, prepared, settings)
    if isinstance(chosen, Refusal):
        return OnTarget(chosen.reason)
    for name in (chosen.chosen, *chosen.fallback):
        candidate = next(c for c in candidates if c.name == name)
        verdict = gate.certify_on_test(candidate, best, target, prepared, rules, store).verdict
        if verdict.outcome == "pass":
            numbers = next(m for m in measured if m.candidate == name)
            return _release(candidate, target, numbers, verdict, prepared, settings)
    return OnTarget(f"{target.name}: {verdict.outcome}", candidate, verdict)


def _select(
    target: Target, candidates: tuple[Candidate, ...], measured: list[Measurement], best: TrainedModel,
    prepared: PreparedData, settings: Settings,
) -> selection.Selection | Refusal:
    store = Store()
    truth = preparation.target(preparation.load(prepared.validation, store), prepared.data_schema)
    answers = {m.candidate: np.load(store.fetch(m.answers)) for m in measured}
    return selection.select(target, candidates, measured, np.load(store.fetch(best.answers)), truth,
                            prepared.rows.test, best.primary, settings.deployment, answers=answers)


def _release(
    candidate: Candidate, target: Target, numbers: Measurement, verdict: Verdict, prepared: PreparedData,
    settings: Settings,
) -> OnTarget:
    store = Store()
    built = target.runtime.build(candidate, threads_of(target), prepared.data_schema, store)
    lineage = packaging.Lineage(project=settings.project, commit="", settings=settings.digest())
    package = packaging.pack(candidate, built, target, numbers, verdict, prepared, lineage, store)
    made = releasing.release(package, verdict=verdict, measurement=numbers, store=store)
    return OnTarget("released", candidate, verdict, made)


if __name__ == "__main__":
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="farrier-plain-") as home:
        os.environ["FARRIER_HOME"] = home
        for each in stages(load(sys.argv[1])).targets:
            print(each.candidate.name if each.candidate else "", each.reason)
    print(f"{time.monotonic() - begun:.1f} s")
