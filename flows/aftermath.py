"""What killed runs left open is closed by the next run of their project: in MLflow, in Prefect, in their summaries."""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
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
    """Tell Prefect that a run's pipeline, which carries its key as a tag, and the stages under it will not go on.

    A worker may have closed the pipeline alone: its stages are looked for whatever its state.
    """
    with get_client(sync_client=True) as server:
        for pipeline in _found(server, tags={"all_": [run]}):
            for flow_run in (*_found(server, parent_flow_run_id={"any_": [str(pipeline.id)]}), pipeline):
                if flow_run.state is not None and flow_run.state.is_running():
                    server.set_flow_run_state(flow_run.id, Crashed(message="Its process was killed."), force=True)


def _found(server: SyncPrefectClient, **wanted: dict[str, list[str]]) -> list[FlowRun]:
    return server.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))
