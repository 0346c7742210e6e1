"""What killed runs left open is closed by the next run of their project: in MLflow, in Prefect, in their summaries."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.states import Crashed

from flows.run import killed, write
from tasks.entries import Ending
from tasks.tracking import Tracking


def close_killed(project: str, tracking: Tracking) -> None:
    """Close what is open of each run whose process is gone; the summary comes last, so that a kill here loses none."""
    for summary in killed(project):
        tracking.post(Ending(experiment=project, run=summary.key, status="KILLED"))
        _crash(summary.key)
        write(summary)


def _crash(run: str) -> None:
    """Tell Prefect that the flow runs of a run, which carry its key as a tag, will not go on."""
    wanted = FlowRunFilter.model_validate({"tags": {"all_": [run]}, "state": {"type": {"any_": ["RUNNING"]}}})
    with get_client(sync_client=True) as server:
        for flow_run in server.read_flow_runs(flow_run_filter=wanted):
            server.set_flow_run_state(flow_run.id, Crashed(message="Its process was killed."), force=True)
