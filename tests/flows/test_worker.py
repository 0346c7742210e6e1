"""Runs that nobody starts by hand: when they are due or asked for, a worker executes them; a killed one is no harm."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from farrier.schedule import schedule
from tasks.errors import SettingsError
from tests.flows.conftest import PROJECT, Farrier, Started, orphans, runs, settle, until

pytestmark = pytest.mark.timeout(900)
DECLARED = [{"name": "often", "every_s": 15}, {"name": "at-night", "cron": "0 3 * * *"}]


@pytest.fixture(scope="module", autouse=True)
def declared(environment: dict[str, str]) -> None:
    """The project's file says when it is to be run."""
    file = Path(environment["FARRIER_PROJECTS"]) / "tiny.yaml"
    file.write_text(yaml.safe_dump({**PROJECT, "schedules": DECLARED}, sort_keys=False))


def artifacts(home: Path) -> set[Path]:
    return set((home / "store").glob("*/*"))


def until_a_run_trains(home: Path, known: set[Path]) -> None:
    """Wait for the first new artifacts of a run."""
    eventually(lambda: artifacts(home) > known)


def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not true() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert true()


def schedules(farrier: Farrier, *words: str) -> dict[str, tuple[str, bool]]:
    done = farrier("schedule", "tiny", *words, "--json")
    assert done.returncode == 0, done.stderr
    return {one["name"]: (one["when"], one["active"]) for one in json.loads(done.stdout)}


def test_whatever_ends_a_worker_what_is_due_or_asked_for_is_executed(
    farrier: Farrier, started: Started, home: Path
) -> None:
    killed = started("worker", "--json")
    assert killed.stdout
    told = json.loads(killed.stdout.readline())
    assert (told["pool"], told["pid"]) == ("farrier", killed.pid)
    assert farrier("worker").returncode == 1, "one worker a home"
    lost = json.loads(farrier("retrain", "tiny", "--json").stdout)
    until_a_run_trains(home, set())
    killed.kill()
    killed.communicate()
    settle(home)
    assert orphans(home) == []

    following = started("worker")
    assert schedules(farrier) == {"often": ("every 15 seconds", True), "at-night": ("cron 0 3 * * * (UTC)", True)}
    eventually(lambda: following.poll() is not None or len(runs(farrier)) > 1)
    assert following.poll() is None, following.communicate()
    assert [active for _, active in schedules(farrier, "--pause").values()] == [False, False], "else many are soon due"
    eventually(lambda: [run for run in runs(farrier) if run["releases"]])
    assert [run["status"] for run in runs(farrier)][-1] in ("interrupted", "failed"), "the killed one"

    asked = farrier("retrain", "tiny", "--wait", "--reason", "the test", "--json")
    assert json.loads(asked.stdout)["state"] == "Completed", asked.stderr
    assert json.loads(asked.stdout)["flow_run"] != lost["flow_run"]
    known = artifacts(home)
    farrier("retrain", "tiny", "-o", "training.seed=5")
    until_a_run_trains(home, known)
    following.send_signal(signal.SIGTERM)
    _, said = following.communicate(timeout=120)
    assert (following.returncode, "Traceback" in said) == (0, False), said
    assert orphans(home) == []


def test_a_worker_executes_what_is_due_once_and_stops(farrier: Farrier, home: Path) -> None:
    before = len(runs(farrier))
    assert farrier("retrain", "tiny").returncode == 0
    done = farrier("worker", "--once")
    assert done.returncode == 0, done.stderr
    (run,) = runs(farrier)[: len(runs(farrier)) - before]
    assert run["status"] in ("released", "unchanged")
    assert orphans(home) == []


def test_schedules_that_are_held_stay_so_until_they_are_let_go_on(farrier: Farrier) -> None:
    held = schedules(farrier, "--pause")
    assert farrier("retrain", "tiny").returncode == 0, "asking for a run is no reason to let them go on"
    listed = json.loads(farrier("schedule", "--json").stdout)
    assert {one["name"]: one["active"] for one in listed if one["project"] == "tiny"} == dict.fromkeys(held, False)
    assert schedules(farrier, "--resume") == {name: (when, True) for name, (when, _) in held.items()}


def test_applying_a_schedule_again_changes_nothing_and_removing_forgets_it(farrier: Farrier) -> None:
    for _ in range(2):
        assert schedules(farrier, "--cron", "0 4 * * *") == {"cron": ("cron 0 4 * * * (UTC)", True)}
    assert schedules(farrier, "--remove") == {}


@pytest.mark.parametrize("words", [{"every": "soon"}, {"every": "1s"}, {"cron": "at noon"},
                                   {"cron": "x", "every": "1h"}])
def test_a_schedule_that_makes_no_sense_is_refused(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, words: dict[str, str]
) -> None:
    monkeypatch.setenv("FARRIER_PROJECTS", environment["FARRIER_PROJECTS"])
    with pytest.raises(SettingsError):  # before any server is asked
        schedule("tiny", cron=words.get("cron"), every=words.get("every"))


def test_waiting_without_a_worker_says_so(started: Started) -> None:
    waiting = started("retrain", "tiny", "--wait")
    until(waiting, "no worker is at work")  # the server notices only after a while that the last one is gone
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
