"""A run that something triggers: a schedule, a person, an alarm. What a worker executes."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from conf.settings import load
from flows.execution import execute
from flows.run import Summary


@flow(name="retraining", flow_run_name="retraining {project}", log_prints=False)
def retraining(project: str, options: Sequence[str] = (), profile: str | None = None, reason: str = "asked") -> Summary:  # noqa: ARG001 the reason is for whoever reads the run
    """Run a project's pipeline again; results that are still valid are reused."""
    return execute(load(project, tuple(options), profile=profile)).summary
