"""A run that something triggers: a schedule, a person, an alarm. What a worker executes."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from prefect import flow

from conf.settings import load
from flows.execution import execute
from flows.run import Summary
from tasks.processes import die_with_parent


@flow(name="retraining", flow_run_name="retraining {project}", log_prints=False)
def retraining(project: str, options: Sequence[str] = (), profile: str | None = None, reason: str = "asked") -> Summary:  # noqa: ARG001 the reason is for whoever reads the run
    """Run a project's pipeline again; results that are still valid are reused."""
    die_with_parent(signal.SIGTERM)  # Prefect's worker would leave us behind
    return execute(load(project, tuple(options), profile=profile)).summary
