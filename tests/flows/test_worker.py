"""What waits for a worker says so, and asking for a run leaves the clock alone."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.flows.conftest import Farrier

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(900)]


def test_waiting_without_a_worker_says_so(started: Callable[..., subprocess.Popen[str]]) -> None:
    waiting = started("retrain", "tiny", "--wait")
    assert waiting.stderr
    assert "worker" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=60)
    assert waiting.returncode == 130


def test_an_interval_counts_from_when_it_was_given(farrier: Farrier, environment: dict[str, str]) -> None:
    def anchors() -> list[str]:
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"]}), get_client(
                sync_client=True) as server:
            found = server.read_deployment_by_name("retraining/tiny").schedules
        return [f"{one.id} {one.schedule.anchor_date}" for one in found]

    farrier("schedule", "tiny", "--every", "6h")
    first = [line.partition(" ")[2] for line in anchors()]
    assert first
    farrier("schedule", "tiny", "--every", "6h")
    farrier("retrain", "tiny")
    assert [line.partition(" ")[2] for line in anchors()] == first
    farrier("schedule", "tiny", "--remove")
