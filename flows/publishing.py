"""What Prefect's UI shows of a run: Markdown, links and progress, beside the flow runs themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from tasks.addresses import without_userinfo


def markdown(stage: str, text: str) -> None:
    """A stage's result, to read."""
    create_markdown_artifact(text, key=stage)


def link(key: str, address: str, text: str) -> None:
    """A way out of Prefect's UI: to MLflow, or to the report."""
    create_link_artifact(address, link_text=text, key=key)


class Progress:
    """How far a pipeline is, in stages."""

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.done = 0
        made = create_progress_artifact(0.0, key="progress", description="stages finished")
        self.artifact = made if isinstance(made, UUID) else None

    def advance(self) -> None:
        """One more stage is finished."""
        self.done += 1
        if self.artifact is not None:
            update_progress_artifact(self.artifact, 100.0 * self.done / self.stages)


class Logs(APILogHandler):
    """What steps say, in the logs of the flow run that they belong to; sent in batches, by a thread of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "progress", {})
        if facts.get("step") != "record" and (TaskRunContext.get() or FlowRunContext.get()):
            super().emit(record)


@contextmanager
def logs_delivered() -> Iterator[None]:
    """Send what the logs of the block still hold at its end: once the server is gone, Prefect tries for a minute."""
    try:
        yield
    finally:
        APILogHandler().flush()


def flow_run_id() -> str:
    """The Prefect flow run that this code runs in; '' outside of one."""
    return str(flow_run.get_id() or "")


def flow_run_url(named: str = "") -> str:
    """Where Prefect's UI shows this flow run, or the one that is named; '' outside of one."""
    found = named or flow_run.get_id()  # its own get_flow_run_ui_url() leads to a page that is no more
    return without_userinfo(str(url_for("flow-run", obj_id=found) or "")) if found else ""


