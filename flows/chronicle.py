"""What a run leaves behind however it ends: its summary, its report, and MLflow's run over all the others."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq
import yaml
from prefect.exceptions import TerminationSignal

from conf.settings import Settings
from flows import publishing
from flows.aftermath import close_killed
from flows.deployment import Deployed
from flows.picturing import answered
from flows.run import Run, Status, Summary, code_commit, now, write
from flows.training import Trained
from tasks.addresses import pages_of_mlflow
from tasks.calling import command
from tasks.data import preparation
from tasks.deployment.packaging import Lineage
from tasks.entries import Attachment, Ending, Entry
from tasks.optimization.attribution import attribute
from tasks.records import Candidate, Failed, Measurement, PreparedData, Record
from tasks.report.markdown import summary_markdown
from tasks.report.page import render
from tasks.report.story import Attribution, Story
from tasks.report.story import Lineage as StoryLineage
from tasks.store import Store, held, whole_or_nothing
from tasks.telling import heard, say
from tasks.tracking import Tracking

Given = TypeVar("Given")
TRY_OUT_ROWS = 20


class Outcome(Record):
    """What a pipeline run came to: its summary, and what each stage gave as far as the run went."""

    summary: Summary
    prepared: PreparedData | None = None
    trained: Trained | None = None
    candidates: tuple[Candidate | Failed, ...] = ()
    deployed: tuple[Deployed, ...] = ()


class Tally(logging.Handler):
    """Counts which steps were made and which were reused, by what they say while they work."""

    def __init__(self) -> None:
        super().__init__()
        self.reused: list[str] = []
        self.made: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "progress", None)
        if facts and facts["event"] == "finished" and facts.get("step") not in ("record", "release"):
            (self.reused if facts["reused"] else self.made).append(facts["name"])


class Chronicle:
    """The story of one run while it is told."""

    def __init__(self, settings: Settings, run: Run, tally: Tally) -> None:
        self.settings, self.run, self.tally = settings, run, tally
        self.started, self._clock = now(), time.monotonic()
        self.tracking = Tracking(run.tracking_uri)
        close_killed(run.project, self.tracking)
        self.lineage = Lineage(project=settings.project, commit=code_commit(), settings=settings.digest(),
                               run=self._open())
        self.progress = publishing.Progress(stages=4)
        self.pages = settings.tracking.pages or pages_of_mlflow(self.tracking.uri)
        publishing.markdown("mlflow", _way_to_mlflow(self.pages, self.lineage.run, run.project))
        self.outcome = Outcome(summary=self._summary("running"))
        write(self.outcome.summary)

    def note(self, **stage: Given) -> Given:
        """Keep what a stage gave; returns it."""
        self.outcome = self.outcome.model_copy(update=dict(stage))
        self.progress.advance()
        return next(iter(stage.values()))

    def keep(self, deployed: Deployed) -> None:
        """Keep what happened on one target, whatever becomes of those after it."""
        self.outcome = self.outcome.model_copy(update={"deployed": (*self.outcome.deployed, deployed)})

    def end(self, status: Status, error: str = "") -> None:
        """Write the summary and the report, and tell MLflow how it ended."""
        report = None
        say("stage", "report", steps=0)  # whatever stage was at work is over
        self._conclude(status, error)  # first: what was released is released, whatever becomes of the report
        try:
            if self.outcome.deployed:
                report = self._report()
                self._conclude(status, error, report)
        finally:
            self._tell(self.outcome.summary, report)

    def _conclude(self, status: Status, error: str, report: Path | None = None) -> None:
        self.outcome = self.outcome.model_copy(update={"summary": self._summary(status, report, error)})
        write(self.outcome.summary)

    def verdict(self) -> Status:
        """How a run that came to its end ended."""
        if not self.outcome.deployed:
            return "finished"
        released = [each.story for each in self.outcome.deployed if each.story.release]
        if not released:
            return "refused"
        return "unchanged" if all(each.served_since for each in released) else "released"

    def _open(self) -> str:
        """Begin MLflow's run over all the others; '' while MLflow does not answer."""
        self.tracking.post(Entry(key=self.run.key, experiment=self.run.project, name=self.run.key, status="RUNNING",
                                 tags=self._tags("running")))
        return self.tracking.run_id(self.run.key, self.run.project)

    def _tags(self, status: Status) -> dict[str, str]:
        return {"farrier.kind": "pipeline", "farrier.status": status, "farrier.commit": code_commit(),
                "farrier.settings": self.settings.digest(), "farrier.flow_run": self.run.flow_run,
                "farrier.flow_run_url": publishing.flow_run_url(), "farrier.run": self.run.key,
                "mlflow.note.content": f"Prefect flow run: {publishing.flow_run_url()}"}

    def _tell(self, summary: Summary, report: Path | None) -> None:
        status = {"failed": "FAILED", "interrupted": "KILLED"}.get(summary.status, "FINISHED")
        attachments = [Attachment(name="settings.yaml", text=_yaml(self.settings))]
        if report is not None:
            attachments.append(Attachment(name="report.html", artifact=Store().put(report)))
        self.tracking.post(Entry(
            key=self.run.key, experiment=self.run.project, name=self.run.key, status=status,
            tags=self._tags(summary.status),
            params={"profile": self.settings.profile,
                    "targets": ",".join(target.name for target in self.settings.targets)},
            metrics={"seconds": summary.seconds, "released": float(len(summary.releases)),
                     "refused": float(len(summary.refusals)), "reused": float(summary.reused)},
            attachments=tuple(attachments)), Ending(experiment=self.run.project, run=self.run.key, status=status))

    def _summary(self, status: Status, report: Path | None = None, error: str = "") -> Summary:
        outcome = getattr(self, "outcome", None)
        deployed = outcome.deployed if outcome else ()
        return Summary(
            key=self.run.key, project=self.run.project, status=status, started=self.started,
            seconds=round(time.monotonic() - self._clock, 1), error=error, report=str(report or ""),
            champion=outcome.trained.champion.family if outcome and outcome.trained else "",
            releases=tuple(each.story.release for each in deployed if each.story.release),
            refusals=tuple(each.story.refusal for each in deployed if each.story.refusal),
            candidates=sum(isinstance(each, Candidate) for each in outcome.candidates) if outcome else 0,
            reused=len(self.tally.reused), made=len(self.tally.made))

    def _try_out(self, prepared: PreparedData) -> None:
        """Some test rows without their answers, beside the report: what a first prediction is asked with."""
        rows = preparation.load(prepared.test, Store()).head(TRY_OUT_ROWS)
        with whole_or_nothing(self.run.folder / "rows.csv") as partial:
            rows[[column.name for column in prepared.data_schema.columns]].to_csv(partial, index=False)

    def _report(self) -> Path:
        page, story = self.run.folder / "report.html", self.story()
        self._try_out(story.prepared)
        with whole_or_nothing(page) as partial:
            partial.write_text(render(story), encoding="utf-8")
        publishing.markdown("summary", summary_markdown(story))
        publishing.link("report", page.as_uri(), "the report of this run")
        return page

    def story(self) -> Story:
        """Everything that the report tells of a run that went to its end."""
        prepared, trained, store = self.outcome.prepared, self.outcome.trained, Store()
        assert prepared is not None  # noqa: S101 a report is of a whole run
        assert trained is not None  # noqa: S101
        quarantined = pq.read_table(store.fetch(prepared.quarantine), columns=["reason"]).column("reason")
        measured = {each.story.name: [m for m in each.story.measurements if isinstance(m, Measurement)]
                    for each in self.outcome.deployed}
        return Story(
            project=self.run.project, started=self.started, finished=now(),
            seconds=round(time.monotonic() - self._clock, 1), prepared=prepared,
            expectations=json.loads(store.fetch(prepared.expectations).read_text(encoding="utf-8")),
            quarantine=dict(Counter(quarantined.to_pylist())), trained=trained.models, champion=trained.champion.family,
            left_out=trained.left_out, candidates=self.outcome.candidates,
            targets=tuple(each.story for each in self.outcome.deployed),
            attributions=tuple(
                Attribution(a.recipe, a.technique, a.size_factor, a.latency_factor, a.quality_change)
                for a in attribute(self.outcome.candidates, measured)), reused=tuple(self.tally.reused),
            lineage=StoryLineage(
                data_digest=prepared.snapshot.sha256, code_commit=code_commit(), settings_digest=self.settings.digest(),
                mlflow_run=self.lineage.run, mlflow_url=_page_of(self.pages, self.lineage.run),
                prefect_run=self.run.flow_run),
            settings=_yaml(self.settings), **self._picture(prepared, store))

    def _picture(self, prepared: PreparedData, store: Store) -> dict[str, Any]:
        """The confusion or the residuals, on the test rows, of the first target's certified candidate."""
        certified = next((each for each in self.outcome.deployed if each.answers and each.story.verdict), None)
        if certified is None or certified.answers is None or certified.story.verdict is None:
            return {}
        shown = answered(certified.answers, prepared, store)
        name = certified.story.release.candidate if certified.story.release else certified.story.verdict.candidate
        return {"pictured": name, "confusion": shown.confusion, "residuals": shown.residuals}


@contextmanager
def chronicled(settings: Settings, run: Run) -> Iterator[Chronicle]:
    """Tell the story of the block: how it ended is written down whatever ends it."""
    tally = Tally()
    with heard(tally, publishing.Logs()), held(run.folder):
        chronicle = Chronicle(settings, run.model_copy(update={"flow_run": publishing.flow_run_id()}), tally)
        try:
            yield chronicle
        except BaseException as problem:
            chronicle.end(*ending(problem))
            raise
        else:
            chronicle.end(chronicle.verdict())


def ending(problem: BaseException) -> tuple[Status, str]:
    """The status of a run that a problem ended, and the words for it.

    A worker passes a cancellation on as a signal, which Prefect raises in the flow as an exception of its own.

    >>> ending(KeyboardInterrupt()), ending(ValueError("no rows"))
    (('interrupted', 'stopped by the user'), ('failed', 'ValueError: no rows'))
    """
    if isinstance(problem, KeyboardInterrupt | TerminationSignal):
        return "interrupted", "stopped by the user"
    return "failed", f"{type(problem).__name__}: {problem}"


def _page_of(pages: str, run: str) -> str:
    return f"{pages}/#/runs/{run}" if run else ""


def _way_to_mlflow(pages: str, run: str, project: str) -> str:
    """Where MLflow shows this run; a store of this home has pages as long as `farrier ui` serves them."""
    found = f"[MLflow run {run}]({_page_of(pages, run)})" if run else f"[MLflow]({pages})"
    return f"{found} of experiment `{project}`. Where nothing answers, `{command()} ui` serves it."


def _yaml(settings: Settings) -> str:
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
