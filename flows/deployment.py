"""The deployment stage: build, measure, select, certify, package, release; one release a target, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prefect import flow

from flows import publishing
from flows.gathering import Made, one
from flows.picturing import answered, pictures
from flows.recording import (
    open_stage,
    post,
    record_deployment,
    record_target,
    release_refused,
    release_that_is,
    release_to_be,
)
from flows.run import Run
from flows.training import Trained
from tasks.deployment.certification import UNBOUNDED
from tasks.deployment.gate import Certified
from tasks.deployment.hardware import machine_digest
from tasks.deployment.packaging import Lineage
from tasks.deployment.runtimes import NEVER
from tasks.deployment.selection import Selection
from tasks.deployment.settings import DeploymentSettings
from tasks.deployment.shelf import pointer, shelf, since
from tasks.deployment.signing import signer, trusted_keys
from tasks.deployment.steps import certify, measure, pack, release, select
from tasks.deployment.target import Target, threads_of
from tasks.entries import Attachment
from tasks.errors import DeploymentError
from tasks.records import (
    Artifact,
    Candidate,
    Failed,
    Measurement,
    Miss,
    PreparedData,
    Record,
    Refusal,
    Release,
    TrainedModel,
    Verdict,
)
from tasks.report.markdown import deployment_markdown
from tasks.report.story import TargetStory
from tasks.store import Store
from tasks.telling import say
from tasks.tracking import Tracking


class Deployed(Record):
    """What happened on one target, and the answers of the one that was certified."""

    story: TargetStory
    answers: Artifact | None = None


class Work(Record):
    """What every target of a run has in common."""

    candidates: tuple[Candidate, ...]
    champion: TrainedModel
    prepared: PreparedData
    settings: DeploymentSettings
    lineage: Lineage
    run: Run

    @property
    def refresh(self) -> bool:
        return "deployment" in self.run.refresh


@flow(name="deployment", flow_run_name="deployment {run.project}")
def deployment(
    candidates: tuple[Candidate | Failed, ...], trained: Trained, prepared: PreparedData, settings: DeploymentSettings,
    targets: tuple[Target, ...], lineage: Lineage, run: Run, keep: Callable[[Deployed], None],
) -> tuple[Deployed, ...]:
    """Find, for each target, the best model that it can afford; targets are measured one after the other.

    `keep` is told of each as soon as it is done: an error on the next one takes nothing away from it.
    """
    made = tuple(candidate for candidate in candidates if isinstance(candidate, Candidate))
    work = Work(candidates=made, champion=trained.champion, prepared=prepared, settings=settings, lineage=lineage,
                run=run)
    say("stage", "deployment", steps=5 * len(targets))
    open_stage(run, "deployment")
    done: list[Deployed] = []
    try:
        for target in targets:
            done.append(_deploy(target, work))
            keep(done[-1])
    except Exception:
        _tell(run, done, trained.champion.primary, whole=False)
        raise
    _tell(run, done, trained.champion.primary, whole=True)
    return tuple(done)


def _tell(run: Run, done: Sequence[Deployed], primary: str, *, whole: bool) -> None:
    """The stage's result in both UIs, as far as it came."""
    text = "\n\n".join(deployment_markdown(each.story, primary) for each in done)
    publishing.markdown("deployment", text)
    record_deployment(run, sum(each.story.release is not None for each in done),
                      sum(each.story.refusal is not None for each in done), text, whole=whole)


def _deploy(target: Target, work: Work) -> Deployed:
    measured = one(measure, work.candidates, target, work.prepared, work.settings.measurement, work.champion.primary,
                   machine_digest(), refresh=work.refresh)
    numbers = tuple(m for m in measured.result if isinstance(m, Measurement))
    chosen = one(select, work.candidates, numbers, work.champion, target, work.prepared, _rules(work),
                 refresh=work.refresh).result
    story = _story(target, tuple(measured.result), chosen)
    if isinstance(chosen, Selection) and not target.runtime.releasable:
        chosen = never_released(target, chosen)
    done = Deployed(story=story.model_copy(update={"refusal": chosen})) if isinstance(chosen, Refusal) \
        else _certified(target, chosen, story, numbers, work)
    _record(target, measured, done, work)
    return done


def _certified(
    target: Target, selection: Selection, story: TargetStory, numbers: Sequence[Measurement], work: Work
) -> Deployed:
    """Send the chosen one to the gate; where it does not pass, the champion itself may: it is the same model."""
    tried: list[Certified] = []
    for name in (selection.chosen, *selection.fallback):
        tried.append(one(certify, _named(work.candidates, name), work.champion, target, work.prepared, _rules(work),
                         refresh=work.refresh).result)
        story = story.model_copy(update={"tried": tuple(each.verdict for each in tried)})
        if tried[-1].verdict.outcome == "pass":
            return _released(target, tried[-1], story, numbers, work)
    verdict = tried[0].verdict
    refusal = Refusal(target=target.name, nearest=selection.chosen, misses=_missed(verdict), reason=_why(verdict))
    return Deployed(story=story.model_copy(update={"verdict": verdict, "refusal": refusal}), answers=tried[0].answers)


def _released(
    target: Target, passed: Certified, story: TargetStory, numbers: Sequence[Measurement], work: Work
) -> Deployed:
    """Package and release; MLflow knows of a release before the pointer moves."""
    verdict = passed.verdict
    candidate = _named(work.candidates, verdict.candidate)
    measured = next(m for m in numbers if m.candidate == candidate.name)
    try:
        packed = one(pack, candidate, target, measured, verdict, work.prepared, work.lineage, signer(),
                     refresh=work.refresh)
    except DeploymentError as refused:
        return _stopped(target, passed, story, refused)
    _announce(packed, passed, measured, candidate, work)
    before = pointer(shelf(work.run.project, target.name))
    try:
        keys = trusted_keys(work.settings.trusted_keys, own=work.settings.trust_own_key)
        made = release(packed.result, verdict, measured, work.lineage.run, keys)
    except DeploymentError as refused:
        post(work.run.tracking_uri, [release_refused(work.run, target.name, str(refused))])
        return _stopped(target, passed, story, refused)
    post(work.run.tracking_uri, [release_that_is(work.run, target.name, made.version)])
    update = {"verdict": verdict, "release": made, "chosen": candidate.name,
              "served_since": since(made) if made.version == before else ""}
    return Deployed(story=story.model_copy(update=update), answers=passed.answers)


def _stopped(target: Target, passed: Certified, story: TargetStory, refused: DeploymentError) -> Deployed:
    """What was good enough and is not served all the same: rolled back before, or no package came of it."""
    refusal = Refusal(target=target.name, nearest=passed.verdict.candidate, misses=(), reason=str(refused))
    return Deployed(story=story.model_copy(update={"verdict": passed.verdict, "refusal": refusal}),
                    answers=passed.answers)


def _announce(
    packed: Made[Artifact], passed: Certified, measured: Measurement, candidate: Candidate, work: Work
) -> None:
    """Tell MLflow of a release that is about to be; raises TrackingUnavailable where it cannot be told."""
    package, verdict = packed.result, passed.verdict
    draft = Release(project=work.run.project, target=measured.target, version=0, candidate=candidate.name,
                    package=package, verdict=verdict, measurement=measured, created="")
    files = tuple(Attachment(name=f"release/{n}", text=_text(package, n)) for n in ("card.md", "manifest.json"))
    verdict_text = Attachment(name="release/verdict.json", text=verdict.model_dump_json(indent=1))
    shown = pictures("release", answered(passed.answers, work.prepared, Store()))
    post(work.run.tracking_uri, [release_to_be(
        work.run, draft, candidate, (*files, verdict_text, *shown), work.prepared, work.lineage, packed.reused)])
    Tracking(work.run.tracking_uri).require_delivered()


def _text(package: Artifact, name: str) -> str:
    from tasks.store import path_of

    return (path_of(package) / name).read_text(encoding="utf-8")


def _story(target: Target, measured: tuple[Measurement | Failed, ...], chosen: Selection | Refusal) -> TargetStory:
    selection = chosen if isinstance(chosen, Selection) else None
    misses = {row.candidate: row.misses for row in chosen.rows} if isinstance(chosen, Selection) else chosen.others
    return TargetStory(
        name=target.name, budgets=target.budgets, scenario=target.scenario, threads=threads_of(target),
        measurements=measured, misses=misses,
        standing={row.candidate: row.standing for row in selection.rows} if selection else {},
        front=selection.front if selection else (), chosen=selection.chosen if selection else None)


def _record(target: Target, measured: Made[list[Measurement | Failed]], done: Deployed, work: Work) -> None:
    record_target(work.run, target.name, measured, {c.name: c for c in work.candidates}, outcomes_of(done.story),
                  work.champion.primary, _refused_pictures(done, work))


def _refused_pictures(done: Deployed, work: Work) -> dict[str, tuple[Attachment, ...]]:
    """Where the answers of a candidate that certification refused go wrong; of a released one, its own run shows it."""
    if done.answers is None or done.story.verdict is None or done.story.release is not None:
        return {}
    return {done.story.verdict.candidate: pictures("measurement", answered(done.answers, work.prepared, Store()))}


def outcomes_of(story: TargetStory) -> dict[str, str]:
    """What became of each candidate, in a word or two: released, stopped at the gate, missed, or fits."""
    fitted = {name: "; ".join(miss.what for miss in misses) or "fits" for name, misses in story.misses.items()}
    gate = {verdict.candidate: f"certification: {verdict.outcome}" for verdict in story.tried}
    return fitted | gate | ({story.release.candidate: "released"} if story.release else {})


def never_released(target: Target, selection: Selection) -> Refusal:
    """The best of a target whose runtime is there to be compared with: no test row is spent on it."""
    return Refusal(target=target.name, nearest=selection.chosen, misses=(),
                   reason=f"{target.name} runs models in {target.runtime.kind}, {NEVER}")


def _rules(work: Work) -> DeploymentSettings:
    """What selecting and certifying depend on: how long was measured is no part of it."""
    return work.settings.model_copy(update={
        "measurement": type(work.settings.measurement)(), "trusted_keys": (), "trust_own_key": True})


def _named(candidates: Sequence[Candidate], name: str) -> Candidate:
    return next(candidate for candidate in candidates if candidate.name == name)


def _missed(verdict: Verdict) -> tuple[Miss, ...]:
    return tuple(Miss(what=f"certification of {c.name}", value=c.drop.high, allowed=c.margin)
                 for c in (verdict.overall, *verdict.slices) if c.outcome != "pass" and not c.advisory)


def _why(verdict: Verdict) -> str:
    held = [c for c in (verdict.overall, *verdict.slices) if c.outcome != "pass" and not c.advisory]
    return "; ".join(f"{c.name} is {c.outcome}: the drop in {c.metric} may be "
                     f"{'anything' if c.drop.high >= UNBOUNDED else f'{c.drop.high:.4f}'}, the margin is {c.margin:.4f}"
                     + (f", {c.rows_needed} rows would decide" if c.rows_needed else "") for c in held)
