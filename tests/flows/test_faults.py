"""Whatever ends a run, what was finished is kept, nothing is half-written, and each target has exactly one release."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tasks.addresses import free_port
from tasks.store import finished
from tasks.tracking import Tracking
from tests.conftest import MlflowServer
from tests.flows.conftest import PROJECT, Farrier, Started, orphans, releases, runs, settle, until
from tests.flows.leaving import FAILING, FAMILIES, RECIPES, TARGETS, runs_of

__all__ = ["orphans", "settle"]
pytestmark = pytest.mark.timeout(900)
TARGET = TARGETS[0]


def test_two_runs_at_once_leave_one_release(farrier: Farrier, started: Started) -> None:
    both = [started("run", "tiny") for _ in range(2)]
    said = [process.communicate(timeout=400)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("waiting" in text for text in said)
    assert len(releases(farrier)) == 1


def waiting(home: Path) -> list[Path]:
    """What the outboxes still hold."""
    return finished(home / "state" / "outbox", "*/*.json")


def eventually(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 200
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert true()


def test_mlflow_may_be_lost_at_any_moment(
    farrier: Farrier, started: Started, home: Path, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away from the start; gone in the middle; gone when a release is announced and its pointer has not moved."""
    before, port = releases(farrier), free_port()
    url = f"http://127.0.0.1:{port}"
    words, at = ("run", "tiny", "-o", "deployment.margin.drop=0.25"), {"MLFLOW_TRACKING_URI": url}  # another release
    monkeypatch.setenv("FARRIER_HOME", str(home))
    tracking = Tracking(url)

    away = farrier(*words, **at)
    assert away.returncode == 1
    assert f"MLflow at {url} does not answer, so nothing is released" in away.stderr
    assert len(waiting(home)) > 10

    with mlflow_server(port):
        process = started(*words, **at)
        until(process, "train linear")
    _, said = process.communicate(timeout=400)
    assert process.returncode == 1, said
    assert "nothing is released" in said
    assert waiting(home)
    assert releases(farrier) == before

    with FileLock(home / "releases" / "tiny" / ".lock"), mlflow_server(port):  # a release waits for the lock
        known = keys(home)
        process = started(*words, **at)
        eventually(lambda: keys(home) - known)
        (key,) = keys(home) - known
        eventually(lambda: runs_of(tracking, f"{key}/release") and not waiting(home))
        assert registered(tracking)
        assert releases(farrier) == before
    _, said = process.communicate(timeout=400)
    assert process.returncode == 0, said
    assert [release["version"] for release in releases(farrier)] == [1, 2]
    assert waiting(home), "that the pointer moved is not told yet"

    with mlflow_server(port):
        back = farrier(*words, **at)
        assert back.returncode == 0, back.stderr
        assert not waiting(home), "what waited was delivered"
        assert len(releases(farrier)) == len(before) + 1
        told(tracking, home, farrier)


def keys(home: Path) -> set[str]:
    """Of every run that began."""
    return {summary.parent.name for summary in finished(home / "state" / "runs" / "tiny", "*/summary.json")}


def registered(tracking: Tracking) -> list:
    return tracking.client.search_model_versions("name = 'tiny'")


def told(tracking: Tracking, home: Path, farrier: Farrier) -> None:
    """MLflow knows every run from its start to its end, one version of the package, and that it is served."""
    listed = runs(farrier)[:4]
    assert [run["status"] for run in listed] == ["unchanged", "released", "failed", "failed"]
    whole = {"pipeline": 1, "stage": 4, "model": len(FAMILIES), "candidate": len(RECIPES) + 1}
    for run in listed:
        kinds = [one.data.tags["farrier.kind"] for one in runs_of(tracking, run["key"])]
        assert {kind: kinds.count(kind) for kind in whole} == whole, run["key"]
        statuses = {one.data.tags["farrier.key"].removeprefix(run["key"]): one.info.status
                    for one in runs_of(tracking, run["key"])}
        assert "RUNNING" not in statuses.values(), statuses
        assert statuses[""] == ("FAILED" if run["status"] == "failed" else "FINISHED")
        assert statuses[f"/candidate/{FAILING}"] == "FAILED"
    (version,) = registered(tracking)
    served = listed[0]["releases"][0]
    assert version.tags["farrier.package"] == served["package"]["sha256"]
    champion = tracking.client.get_model_version_by_alias("tiny", f"champion-{TARGET}")
    assert (champion.version, champion.tags["farrier.version"]) == (version.version, str(served["version"]))


def test_a_source_that_will_not_do_is_said_in_a_line(farrier: Farrier, home: Path) -> None:
    file = home / "vanished.csv"
    file.write_text("a,other\n1,2\n3,4\n")
    project = {**PROJECT, "data": {"source": {"kind": "file", "path": str(file)}}}
    (home / "projects" / "vanished.yaml").write_text(yaml.safe_dump(project))
    done = farrier("run", "vanished")
    assert done.returncode == 1
    assert "column 'target' is named in conf and is not in the source" in done.stderr
    assert "Traceback" not in done.stderr
