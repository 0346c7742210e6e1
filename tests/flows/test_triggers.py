"""Runs that nobody starts by hand: a schedule that comes due, and a run that is asked for; a worker executes both."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.flows.conftest import Farrier

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def worker(started: Callable[..., subprocess.Popen[str]]) -> Iterator[subprocess.Popen[str]]:
    """A worker at work, stopped at the end as Ctrl-C would stop it."""
    process = started("worker")
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def finished(farrier: Farrier) -> list[dict]:
    return [run for run in json.loads(farrier("runs", "tiny", "--json").stdout) if run["status"] == "released"]


def test_a_scheduled_run_starts_by_itself_and_releases(farrier: Farrier, worker: subprocess.Popen[str]) -> None:
    applied = farrier("schedule", "tiny", "--every", "15s", "--json")
    assert applied.returncode == 0, applied.stderr
    assert [one["active"] for one in json.loads(applied.stdout)] == [True]
    deadline = time.monotonic() + 300
    while not (done := finished(farrier)) and time.monotonic() < deadline:
        assert worker.poll() is None, worker.communicate()
        time.sleep(2)
    paused = json.loads(farrier("schedule", "tiny", "--pause", "--json").stdout)
    assert done
    assert done[-1]["releases"]
    assert done[-1]["made"] > 0
    assert [one["active"] for one in paused] == [False]


def test_a_run_that_is_asked_for_is_executed(farrier: Farrier, worker: subprocess.Popen[str]) -> None:
    before = len(finished(farrier))
    asked = farrier("retrain", "tiny", "--wait", "--reason", "the test", "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["state"] == "Completed"
    assert len(finished(farrier)) > before


def test_applying_a_schedule_again_changes_nothing_and_removing_forgets_it(farrier: Farrier) -> None:
    for _ in range(2):
        listed = json.loads(farrier("schedule", "tiny", "--cron", "0 3 * * *", "--json").stdout)
        assert [one["when"] for one in listed] == ["cron 0 3 * * * (UTC)"]
    assert json.loads(farrier("schedule", "tiny", "--remove", "--json").stdout) == []


@pytest.mark.parametrize("words", [("--every", "soon"), ("--every", "1s"), ("--cron", "at noon"),
                                   ("--cron", "x", "--every", "1h")])
def test_a_schedule_that_makes_no_sense_is_refused(farrier: Farrier, words: tuple[str, ...]) -> None:
    done = farrier("schedule", "tiny", *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
