"""A run from outside Prefect: one at a time for a project, a server, warm imports, then the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from conf.settings import Settings
from flows import run as runs
from flows.checking import check
from flows.server import prefect_server
from tasks.deployment.signing import require_trusted
from tasks.processes import cool_down, stop_all, warm_up
from tasks.stopping import stoppable, undisturbed
from tasks.store import Store, state
from tasks.telling import say

if TYPE_CHECKING:
    from flows.chronicle import Outcome


def execute(settings: Settings, *, only: str | None = None, start: str | None = None) -> Outcome:
    """Run the pipeline of a project to its end; raises what stopped it."""
    check(settings)
    run = runs.begin(settings.project, tracking_uri=settings.tracking.uri, only=only, start=start)
    if run.goes_past("optimization"):
        require_trusted(settings.deployment.trusted_keys, own=settings.deployment.trust_own_key)
    first = not any(summary.status != "running" for summary in runs.summaries(settings.project))
    with stoppable(stop_all), warm(at_once=first), alone(settings.project):
        say("preparing", "starting the Prefect server and MLflow")
        Store().sweep()
        with prefect_server(lambda: _import(settings, first=first)):
            from prefect import tags

            from flows.pipeline import pipeline
            from flows.publishing import logs_delivered

            with logs_delivered(), tags(run.key):
                return pipeline.with_options(task_runner=settings.orchestration.task_runner())(settings, run)


@contextmanager
def warm(*, at_once: bool) -> Iterator[None]:
    """Children for the block, none after it; `at_once` starts to load what fits need, for runs that will need it.

    A later run mostly reuses; where it does not, its first fit loads what it needs.
    """
    try:
        if at_once:
            warm_up()
        yield
    finally:
        with undisturbed():
            cool_down()


@contextmanager
def alone(project: str) -> Iterator[None]:
    """One run of a project at a time: a second waits for the first, and says so."""
    lock = FileLock(state("runs", project) / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("waiting", f"another run of {project} is under way; this one waits for it, then reuses its results")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _import(settings: Settings, *, first: bool) -> None:
    """Load what a run needs while the server comes up; MLflow makes its database on the first visit."""
    from tasks.tracking import Tracking

    visit = Thread(target=Tracking(settings.tracking.uri).visit)
    visit.start()
    import flows.pipeline  # noqa: F401

    if first and settings.data.expectations:
        import great_expectations  # noqa: F401
    visit.join()
