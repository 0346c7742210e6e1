"""A run that is stopped or killed at any moment, with a Prefect server of its own: what was finished is kept."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest

from tasks.tracking import Tracking, embedded_uri
from tests.flows.conftest import (
    Farrier,
    Started,
    leftovers,
    orphans,
    releases,
    runs,
    settle,
    steps,
    until,
)
from tests.flows.leaving import FAILING, FAMILIES, RECIPES, TARGETS

pytestmark = pytest.mark.timeout(900)
TARGET = TARGETS[0]
ONE_AT_A_TIME = ("-o", "orchestration.workers=1")  # so that what is finished when a line is read is known to the step
MOMENTS = [
    (signal.SIGKILL, "data: "),
    (signal.SIGINT, "train constant: done"),
    (signal.SIGKILL, "train (linear|forest|mlp): done"),  # whichever was not finished before it stopped
    (signal.SIGKILL, "optimize linear: done"),
    (signal.SIGKILL, f"select {TARGET}: done"),  # in the middle of certification
    (signal.SIGKILL, f" for {TARGET}: done"),  # in the middle of packing
    (signal.SIGKILL, f" for {TARGET}: done"),  # when the release is announced
]
EVERY = {"collect", "prepare", *(f"train {family}" for family in FAMILIES), "champion",
         *(f"optimize {recipe}" for recipe in (*RECIPES, FAILING)), f"measure {TARGET}", f"select {TARGET}"}


@pytest.fixture(scope="module")
def server() -> str:
    """None that is shared: who comes first starts one."""
    return ""


def still_open(home: Path) -> list[str]:
    """The runs that MLflow or Prefect show as running."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARRIER_HOME", str(home))
        client = Tracking(embedded_uri()).client
    experiment = client.get_experiment_by_name("tiny").experiment_id
    with sqlite3.connect(home / "state" / "prefect" / "prefect.db") as database:
        flows = database.execute("SELECT name FROM flow_run WHERE state_type IN ('RUNNING', 'PENDING')").fetchall()
    return [*(run.info.run_name for run in client.search_runs([experiment], "attributes.status = 'RUNNING'")),
            *(name for (name,) in flows)]


def test_whatever_ends_a_run_costs_only_the_step_at_work(farrier: Farrier, started: Started, home: Path) -> None:
    made: set[str] = set()
    for number, words in MOMENTS:
        process = started("run", "tiny", *ONE_AT_A_TIME)
        said = "".join(until(process, words))
        process.send_signal(number)
        said += process.communicate(timeout=120)[1]
        again = steps(said)
        assert not again["made"] & made, (words, "finished work is not repeated")
        made |= again["made"] | again["reused"]
        assert process.returncode == (130 if number == signal.SIGINT else -number), said
        assert "Traceback" not in said
        if number == signal.SIGINT:
            assert orphans(home) == []
            assert not leftovers(home)
        else:
            settle(home, but="prefect")
            assert [left for left in orphans(home) if "prefect" not in left] == [], words
    done = farrier("run", "tiny", *ONE_AT_A_TIME, "--json")
    assert done.returncode == 0, done.stderr
    last = steps(done.stderr)
    assert orphans(home) == [], "the last one out stopped the server, whoever had started it"
    candidate = releases(farrier)[0]["candidate"]
    assert last["made"] == {f"release {TARGET}"}
    assert last["reused"] == made == EVERY | {f"certify {candidate} for {TARGET}", f"pack {candidate} for {TARGET}"}
    assert len(releases(farrier)) == 1
    last_run, *killed = (run["status"] for run in runs(farrier))
    assert last_run in ("released", "unchanged"), "unchanged where the last kill came after the pointer moved"
    assert killed == ["interrupted"] * len(MOMENTS)
    assert not leftovers(home)
    assert not still_open(home)
