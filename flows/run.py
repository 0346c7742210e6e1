"""One run of a project: who it is, which stages it repeats, and what it leaves for `farrier runs` and `report`."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from tasks.records import Record, Refusal, Release
from tasks.store import CHECKOUT, finished, home, is_held, state, whole_or_nothing
from tasks.telling import say

Status = Literal["running", "released", "unchanged", "refused", "finished", "failed", "interrupted"]
STAGES = ("data", "training", "optimization", "deployment")


class Run(Record):
    """What each stage's flow is told of the run that it is part of."""

    key: str
    project: str
    tracking_uri: str = ""
    flow_run: str = Field("", description="the Prefect flow run of the pipeline")
    refresh: tuple[str, ...] = Field((), description="stages whose results are made again")
    last: str = Field("deployment", description="the stage after which the run stops")

    def goes_past(self, stage: str) -> bool:
        """Whether the run goes on after a stage."""
        return STAGES.index(stage) < STAGES.index(self.last)

    @property
    def folder(self) -> Path:
        """Where the run keeps its report and summary."""
        return state("runs", self.project, self.key)


class Summary(Record):
    """A run in short, as `farrier runs` lists it."""

    key: str
    project: str
    status: Status
    started: str
    seconds: float = 0.0
    champion: str = ""
    releases: tuple[Release, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    candidates: int = 0
    reused: int = 0
    made: int = 0
    report: str = ""
    error: str = ""


def begin(project: str, *, tracking_uri: str = "", only: str | None = None, start: str | None = None) -> Run:
    """A fresh run: `only` repeats one stage and stops after it, `start` repeats it and all that follow."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    refresh = (only,) if only else STAGES[STAGES.index(start):] if start else ()
    return Run(key=f"{stamp}-{secrets.token_hex(3)}", project=project, tracking_uri=tracking_uri,
               refresh=refresh, last=only or "deployment")


def write(summary: Summary) -> None:
    """Keep a run's summary beside its report."""
    with whole_or_nothing(state("runs", summary.project, summary.key) / "summary.json") as partial:
        partial.write_text(summary.model_dump_json(indent=1), encoding="utf-8")


def summaries(project: str | None = None) -> list[Summary]:
    """Every run of a project, or of all, newest first; one whose process is gone is `interrupted`.

    A summary that cannot be read is named and left out.
    """
    return sorted((_interrupted(summary) if _is_killed(summary) else summary for summary in _kept(project)),
                  key=lambda summary: summary.key, reverse=True)


def killed(project: str) -> list[Summary]:
    """The runs that were killed and that nobody has noted as interrupted yet; as they should be noted."""
    return [_interrupted(summary) for summary in _kept(project) if _is_killed(summary)]


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def code_commit() -> str:
    """The checkout's commit, with a plus sign where files differ from it; outside of git, FARRIER_COMMIT."""
    commit = _git("rev-parse", "HEAD") or os.environ.get("FARRIER_COMMIT", "")
    return f"{commit}+" if commit and _git("status", "--porcelain", "--untracked-files=no") else commit


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(CHECKOUT), *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _kept(project: str | None) -> Iterator[Summary]:
    for file in finished(home() / "state" / "runs", f"{project or '*'}/*/summary.json"):
        try:
            yield Summary.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            say("unreadable", f"{file} is no summary of a run as this version writes them: it is left out")


def _is_killed(summary: Summary) -> bool:
    """Whether it says that it runs, and no process holds its folder: process ids come back, above all in containers."""
    return summary.status == "running" and not is_held(state("runs", summary.project, summary.key))


def _interrupted(summary: Summary) -> Summary:
    return summary.model_copy(update={"status": "interrupted"})
