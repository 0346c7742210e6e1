"""A worker that is stopped takes its run along; what a killed one leaves behind does not hold up the next."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.conftest import Farrier
from tests.flows.test_faults import orphans, settle

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(900)]


def artifacts(home: Path) -> set[Path]:
    return set((home / "store").glob("*/*"))


def until_a_run_trains(home: Path, known: set[Path]) -> None:
    """Wait for the first new artifacts of a run."""
    deadline = time.monotonic() + 240
    while artifacts(home) <= known and time.monotonic() < deadline:
        time.sleep(0.2)
    assert artifacts(home) > known


def test_whatever_ends_a_worker_the_next_run_is_executed(
    farrier: Farrier, started: Callable[..., subprocess.Popen[str]], home: Path
) -> None:
    killed = started("worker", "--json")
    assert killed.stdout
    told = json.loads(killed.stdout.readline())
    assert (told["pool"], told["pid"]) == ("farrier", killed.pid)
    assert farrier("worker").returncode == 1, "one worker a home"
    asked = json.loads(farrier("retrain", "tiny", "--json").stdout)
    until_a_run_trains(home, set())
    killed.kill()
    killed.communicate()
    settle(home)
    assert orphans(home) == []

    following = started("worker")
    done = farrier("retrain", "tiny", "--wait", "--json")
    assert json.loads(done.stdout)["state"] == "Completed", done.stderr
    assert json.loads(done.stdout)["flow_run"] != asked["flow_run"]
    known = artifacts(home)
    farrier("retrain", "tiny", "-o", "training.seed=5")
    until_a_run_trains(home, known)
    following.send_signal(signal.SIGTERM)
    _, said = following.communicate(timeout=120)
    assert (following.returncode, "Traceback" in said) == (0, False), said
    assert orphans(home) == []


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
