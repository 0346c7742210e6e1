"""What killed runs left open is closed, whoever was there before."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Crashed, Running

from flows.aftermath import close_killed
from flows.run import Run, Summary, begin, killed, now, summaries, write
from tasks.entries import Entry
from tasks.store import held
from tasks.tracking import Tracking
from tests.flows.leaving import runs_of


@flow
def anything() -> None:
    """What the server is told of is a name."""


@task
def stage() -> None:
    """In Prefect's eyes a flow that another calls is one of its tasks."""


def begun(client: SyncPrefectClient, tracking: Tracking) -> tuple[Run, UUID, UUID]:
    """A run that is in its training, as the summary, MLflow and Prefect know it: its pipeline and its stage."""
    run = begin("tiny")
    write(Summary(key=run.key, project="tiny", status="running", started=now()))
    facts: dict[str, Any] = {"experiment": "tiny", "status": "RUNNING"}
    tracking.post(Entry(key=run.key, name="tiny", **facts),
                  Entry(key=f"{run.key}/training", parent=run.key, name="training", **facts))
    pipeline = client.create_flow_run(anything, tags=[run.key], state=Running())
    called = client.create_task_run(stage, flow_run_id=pipeline.id, dynamic_key="0", state=Running())
    training = client.create_flow_run(anything, parent_task_run_id=called.id, state=Running())
    return run, pipeline.id, training.id


def test_a_killed_run_is_closed_to_its_last_stage_whether_a_worker_closed_its_pipeline_first_or_not(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    tracking = Tracking()
    with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
        alone, closed, living = (begun(client, tracking) for _ in range(3))
        client.set_flow_run_state(closed[1], Crashed(message="Its worker was killed."), force=True)
        with held(living[0].folder):
            close_killed("tiny", tracking)
            assert killed("tiny") == []
            assert {one.key: one.status for one in summaries("tiny")} == {
                alone[0].key: "interrupted", closed[0].key: "interrupted", living[0].key: "running"}
        states = [[client.read_flow_run(one).state_name for one in flows] for _, *flows in (alone, closed, living)]
    assert states == [["Crashed"] * 2, ["Crashed"] * 2, ["Running"] * 2]
    statuses = [{one.info.status for one in runs_of(tracking, run.key)} for run, *_ in (alone, closed, living)]
    assert statuses == [{"KILLED"}, {"KILLED"}, {"RUNNING"}]
