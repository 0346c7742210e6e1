"""Records to MLflow entries: each stage, model, candidate and measurement is a run under the pipeline's run.

Cached steps do not log, so the flows record every result, made or reused, under keys of this run.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.gathering import Made
from flows.publishing import flow_run_id, flow_run_url
from flows.run import Run
from tasks.caching import unrecorded
from tasks.calling import as_called
from tasks.data.settings import DataSettings
from tasks.deployment.packaging import Lineage
from tasks.deployment.registry import served_alias
from tasks.entries import Attachment, Dataset, Entry, LoggedModel, Registration
from tasks.outbox import Posted
from tasks.records import (
    Artifact,
    Candidate,
    Estimate,
    Failed,
    Measurement,
    PreparedData,
    Release,
    TrainedModel,
    Untrained,
)
from tasks.report.markdown import data_markdown, optimization_markdown, training_markdown
from tasks.tracking import Tracking


@unrecorded(name="record")
def post(uri: str, entries: Sequence[Posted]) -> None:
    """Hand entries to MLflow; what it cannot take now waits in the outbox."""
    Tracking(uri).post(*entries)


def record_data(run: Run, prepared: Made[PreparedData], settings: DataSettings) -> None:
    """The data stage: rows in and where they went, what was expected, what was found."""
    result = prepared.result
    post(run.tracking_uri, [_stage(
        run, "data", sha256=result.digest(), reused=prepared.reused, datasets=_datasets(result),
        params={"source": settings.source.canonical(), "split": settings.split.canonical(), "salt": result.salt,
                "target": result.data_schema.target.name, "task": result.data_schema.task},
        metrics={"leaks": float(len(result.leaks)), **{f"rows_{name}": float(count) for name, count in result.rows}},
        attachments=(Attachment(name="data/expectations.json", artifact=result.expectations),
                     Attachment(name="data/profile.json", artifact=result.profile),
                     Attachment(name="data/quarantine.parquet", artifact=result.quarantine),
                     Attachment(name="data/schema.json", text=result.data_schema.model_dump_json(indent=1)),
                     Attachment(name="data/summary.md", text=data_markdown(result))))])


def record_training(
    run: Run, results: Sequence[Made[TrainedModel | Untrained]], champion: TrainedModel, prepared: PreparedData
) -> None:
    """The training stage and a run for each family's best; a family that is left out is named with its reason."""
    models = [one.result for one in results if isinstance(one.result, TrainedModel)]
    left_out = [one.result for one in results if isinstance(one.result, Untrained)]
    stage = _stage(run, "training", datasets=_datasets(prepared),
                   tags={"farrier.champion": champion.family,
                         **{f"farrier.left_out.{each.family}": as_called(each.reason) for each in left_out}},
                   params={"families": ",".join(model.family for model in models), "primary": champion.primary},
                   metrics=_numbers({champion.primary: champion.quality}), attachments=(Attachment(
                       name="training/summary.md", text=training_markdown(models, champion.family, left_out)),))
    post(run.tracking_uri, [stage, *(_model(run, one.result, champion, reused=one.reused) for one in results
                                     if isinstance(one.result, TrainedModel))])


def record_optimization(run: Run, made: Sequence[Made[Candidate | Failed]], prepared: PreparedData) -> None:
    """The optimization stage and a run for each candidate, the failed ones with their reason."""
    stage = _stage(run, "optimization", datasets=_datasets(prepared),
                   metrics={"candidates": float(sum(isinstance(one.result, Candidate) for one in made)),
                            "failed": float(sum(isinstance(one.result, Failed) for one in made))},
                   attachments=(Attachment(name="optimization/summary.md",
                                           text=optimization_markdown(tuple(one.result for one in made))),))
    post(run.tracking_uri, [stage, *(_candidate(run, one) for one in made)])


def record_target(
    run: Run, target: str, measured: Made[list[Measurement | Failed]], candidates: dict[str, Candidate],
    outcomes: dict[str, str], primary: str, pictures: dict[str, tuple[Attachment, ...]],
) -> None:
    """A run for each candidate on a target: latency, throughput, cost and quality side by side.

    The alias is told with them, so that each run puts right what a killed one, or a rollback without MLflow, left.
    """
    alias = served_alias(run.project, target)
    post(run.tracking_uri, [*(
        _measurement(run, one, candidates[one.candidate], outcomes.get(one.candidate, ""), primary, measured.reused,
                     pictures.get(one.candidate, ()))
        if isinstance(one, Measurement) else _unmeasured(run, target, one) for one in measured.result),
        *([alias] if alias else [])])


def open_stage(run: Run, stage: str) -> None:
    """Begin a stage's run, for those that will be nested under it."""
    post(run.tracking_uri, [_stage(run, stage, status="RUNNING")])


def record_deployment(run: Run, released: int, refused: int, text: str, *, whole: bool) -> None:
    """The deployment stage, as a whole or as far as it came."""
    post(run.tracking_uri, [_stage(run, "deployment", metrics={"released": float(released), "refused": float(refused)},
                                   status="FINISHED" if whole else "FAILED",
                                   attachments=(Attachment(name="deployment/summary.md", text=text),))])


def release_to_be(
    run: Run, release: Release, candidate: Candidate, attachments: tuple[Attachment, ...], prepared: PreparedData,
    lineage: Lineage, reused: bool,
) -> Entry:
    """A release as MLflow must know it before the pointer moves: run, model and registered version.

    The version is that of the package: a run that releases nothing new registers nothing new.
    """
    return Entry(
        key=f"{run.key}/release/{release.target}", parent=f"{run.key}/deployment", experiment=run.project,
        name=f"release {release.target} {candidate.name}", datasets=_datasets(prepared), status="RUNNING",
        params={"candidate": candidate.name, "target": release.target, "package": release.package.sha256},
        metrics={**_measured_numbers(release.measurement, candidate), "margin": release.verdict.overall.margin,
                 "certified_drop": release.verdict.overall.drop.value,
                 "certified_drop_bound": release.verdict.overall.drop.high},
        tags={**_tags("release", candidate), "farrier.target": release.target, "farrier.data": prepared.snapshot.sha256,
              "farrier.commit": lineage.commit, "farrier.settings": lineage.settings,
              "farrier.flow_run": run.flow_run, "farrier.flow_run_url": flow_run_url(run.flow_run),
              "farrier.verdict": release.verdict.outcome, "farrier.evidence": release.measurement.evidence},
        sha256=release.package.sha256, reused=reused, attachments=attachments,
        model=LoggedModel(name=f"{run.project}-{release.target}", kind="onnx", artifact=candidate.model.artifact,
                          params={"candidate": candidate.name, "target": release.target},
                          tags={"farrier.sha256": candidate.model.artifact.sha256}),
        registration=Registration(
            model=run.project, package=release.package.sha256,
            tags={"farrier.target": release.target, "farrier.run": run.key},
            description=f"{candidate.name} for {release.target}: {release.verdict.outcome}"))


def release_that_is(run: Run, target: str, version: int) -> Entry:
    """The end of a release's run: the pointer names this version."""
    return _concluded(run, target, "FINISHED", {"farrier.version": str(version)})


def release_refused(run: Run, target: str, reason: str) -> Entry:
    """The end of a release's run whose package could not be served; its registered version gets no alias."""
    return _concluded(run, target, "FAILED", {"farrier.reason": as_called(reason)})


def _concluded(run: Run, target: str, status: str, tags: dict[str, str]) -> Entry:
    return Entry(key=f"{run.key}/release/{target}", parent=f"{run.key}/deployment", experiment=run.project,
                 name=f"release {target}", status=status, tags=tags)


def _stage(run: Run, stage: str, *, tags: dict[str, str] | None = None, **facts: object) -> Entry:
    return Entry.model_validate({
        "key": f"{run.key}/{stage}", "parent": run.key, "experiment": run.project, "name": stage,
        "tags": {"farrier.stage": stage, "farrier.kind": "stage", **_flow_tags(run), **(tags or {})}, **facts})


def _flow_tags(run: Run) -> dict[str, str]:
    return {"farrier.flow_run": flow_run_id() or run.flow_run, "farrier.flow_run_url": flow_run_url()}


def _model(run: Run, trained: TrainedModel, champion: TrainedModel, *, reused: bool) -> Entry:
    return Entry(
        key=f"{run.key}/model/{trained.family}", parent=f"{run.key}/training", experiment=run.project,
        name=trained.family, sha256=trained.digest(), reused=reused,
        params={**{name: str(value) for name, value in trained.params.items()}, "family": trained.family,
                "seed": str(trained.seed), "threads": str(trained.threads), "trials": str(trained.trials)},
        metrics={**_numbers(trained.metrics), "size_bytes": float(trained.model.size_bytes)},
        tags={"farrier.stage": "training", "farrier.kind": "model", "farrier.family": trained.family,
              "farrier.champion": str(trained == champion).lower()},
        attachments=(Attachment(name="model/answers.npy", artifact=trained.answers),),
        model=_logged(trained.family, trained.model.form, trained.model.artifact))


def _candidate(run: Run, made: Made[Candidate | Failed]) -> Entry:
    candidate = made.result
    place = {"key": f"{run.key}/candidate/{candidate.name}", "parent": f"{run.key}/optimization",
             "experiment": run.project, "name": candidate.name, "sha256": candidate.digest(), "reused": made.reused}
    if isinstance(candidate, Failed):
        return Entry.model_validate({**place, "status": "FAILED", "params": {"recipe": candidate.recipe.chain[:500]},
                                     "tags": {"farrier.stage": "optimization", "farrier.kind": "candidate",
                                              "farrier.reason": as_called(candidate.reason)}})
    return Entry.model_validate({
        **place, "params": {"recipe": candidate.recipe.chain[:500], "start": candidate.recipe.start},
        "metrics": {**_numbers({"quality": candidate.quality}), "size_bytes": float(candidate.size_bytes),
                    "parity": candidate.parity.largest_difference},
        "tags": {**_tags("candidate", candidate), "farrier.stage": "optimization"},
        "attachments": (Attachment(name="candidate/recipe.json", text=candidate.recipe.chain),
                        Attachment(name="candidate/answers.npy", artifact=candidate.answers)),
        "model": _logged(candidate.name, "onnx", candidate.model.artifact)})


def _measurement(
    run: Run, measured: Measurement, candidate: Candidate, outcome: str, primary: str, reused: bool,
    pictures: tuple[Attachment, ...],
) -> Entry:
    return Entry(
        key=f"{run.key}/target/{measured.target}/{measured.candidate}", parent=f"{run.key}/deployment",
        experiment=run.project, name=f"{measured.target} {measured.candidate}", sha256=measured.digest(), reused=reused,
        params={"candidate": measured.candidate, "target": measured.target, "scenario": measured.scenario},
        metrics={**_measured_numbers(measured, candidate), primary: measured.quality.value},
        tags={**_tags("measurement", candidate), "farrier.stage": "deployment", "farrier.target": measured.target,
              "farrier.evidence": measured.evidence, "farrier.outcome": outcome,
              "farrier.machine": measured.fingerprint.digest()},
        attachments=(Attachment(name="measurement/measurement.json", text=measured.model_dump_json(indent=1)),
                     *pictures))


def _unmeasured(run: Run, target: str, failed: Failed) -> Entry:
    return Entry(key=f"{run.key}/target/{target}/{failed.name}", parent=f"{run.key}/deployment",
                 experiment=run.project, name=f"{target} {failed.name}", status="FAILED",
                 tags={"farrier.stage": "deployment", "farrier.kind": "measurement", "farrier.target": target,
                       "farrier.reason": as_called(failed.reason)})


def _tags(kind: str, candidate: Candidate) -> dict[str, str]:
    return {"farrier.kind": kind, "farrier.recipe": candidate.recipe.digest(), "farrier.candidate": candidate.name,
            "farrier.parent": candidate.parent, "farrier.family": candidate.family}


def _logged(name: str, form: str, artifact: Artifact) -> LoggedModel:
    return LoggedModel(name=name, kind=form, artifact=artifact, tags={"farrier.sha256": artifact.sha256})


def _numbers(estimates: dict[str, Estimate]) -> dict[str, float]:
    """Each estimate as three metrics: itself, `_low` and `_high`."""
    return {f"{name}{end}": value for name, estimate in estimates.items()
            for end, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))}


def _measured_numbers(measured: Measurement, candidate: Candidate) -> dict[str, float]:
    estimates = {"quality": measured.quality, "latency_p50_ms": measured.latency_p50_ms,
                 "latency_p99_ms": measured.latency_p99_ms, "throughput_per_s": measured.throughput_per_s,
                 "cpu_s_per_1000": measured.cpu_s_per_1000}
    return {**_numbers(estimates), "memory_bytes": float(measured.memory_bytes),
            "size_bytes": float(measured.size_bytes), "graph_bytes": float(candidate.size_bytes)}


def _datasets(prepared: PreparedData) -> tuple[Dataset, ...]:
    return tuple(Dataset(name=name, sha256=getattr(prepared, name).sha256, context=context) for name, context in
                 (("snapshot", "source"), ("train", "training"), ("validation", "validation"), ("test", "test")))

