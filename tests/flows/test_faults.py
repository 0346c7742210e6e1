"""Whatever ends a run, what was finished is kept, nothing is half-written, and each target has exactly one release."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient

from tasks.addresses import free_port
from tasks.store import finished
from tasks.tracking import Tracking, embedded_uri
from tests.conftest import MlflowServer
from tests.flows.conftest import PROJECT, Farrier, until

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(900)]
Started = Callable[..., subprocess.Popen[str]]


def orphans(home: Path) -> list[str]:
    """Processes that carry this home in their environment: what a run started and left."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"FARRIER_HOME={home}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return found


def settle(home: Path) -> None:
    """Wait until what was killed took its children along."""
    deadline = time.monotonic() + 20
    while orphans(home) and time.monotonic() < deadline:
        time.sleep(0.1)


def leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob(".*") if path.name.startswith((".scratch", ".unfinished"))]


def releases(farrier: Farrier, project: str = "tiny") -> list[dict]:
    return json.loads(farrier("releases", project, "--history", "--json").stdout)


def still_open(home: Path, server: str) -> list[str]:
    """The runs that MLflow or Prefect show as running."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARRIER_HOME", str(home))
        client = Tracking(embedded_uri()).client
    experiment = client.get_experiment_by_name("tiny").experiment_id
    with SyncPrefectClient(server) as prefect:
        flows = prefect.read_flow_runs(limit=200)
    return [*(run.info.run_name for run in client.search_runs([experiment], "attributes.status = 'RUNNING'")),
            *(flow.name for flow in flows if flow.state is not None and flow.state.is_running())]


def test_a_kill_in_each_stage_costs_only_the_step_at_work(
    farrier: Farrier, started: Started, home: Path, server: str
) -> None:
    for words in ("data: 2 steps", "train linear: done", "optimize linear: done", "select cpu-single-core: done"):
        process = started("run", "tiny")
        until(process, words)
        process.kill()
        process.communicate()
        settle(home)
        assert not orphans(home), words
    done = farrier("run", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["reused"] >= 2 + 4 + 3
    assert len(releases(farrier)) == 1
    statuses = [run["status"] for run in json.loads(farrier("runs", "tiny", "--json").stdout)]
    assert statuses == ["released", *["interrupted"] * 4]
    assert not leftovers(home)
    assert not still_open(home, server)


def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(farrier: Farrier, started: Started, home: Path) -> None:
    process = started("run", "tiny", "-o", "training.seed=1")
    until(process, "train constant: done")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    settle(home)
    assert not orphans(home)
    assert not leftovers(home)
    outcome = json.loads(farrier("run", "tiny", "-o", "training.seed=1", "--json").stdout)
    assert outcome["reused"] >= 3, "the data stage and the constant were finished"


def test_two_runs_at_once_leave_one_release(farrier: Farrier, started: Started) -> None:
    before = len(releases(farrier))
    both = [started("run", "tiny", "-o", "training.seed=2") for _ in range(2)]
    said = [process.communicate(timeout=400)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("waiting" in text for text in said)
    assert len(releases(farrier)) == before + 1


def test_mlflow_that_never_answers_blocks_the_release_and_loses_nothing(
    farrier: Farrier, home: Path, mlflow_server: MlflowServer
) -> None:
    before, port = releases(farrier), free_port()
    uri = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    away = farrier("run", "tiny", "-o", "training.seed=3", **uri)
    assert away.returncode == 1
    assert f"MLflow at http://127.0.0.1:{port} does not answer, so nothing is released" in away.stderr
    assert releases(farrier) == before
    waiting = finished(home / "state" / "outbox", "*/*.json")
    assert len(waiting) > 10
    with mlflow_server(port):
        back = farrier("run", "tiny", "-o", "training.seed=3", "--json", **uri)
    assert back.returncode == 0, back.stderr
    assert not finished(home / "state" / "outbox", "*/*.json"), "what waited was delivered"
    assert len(releases(farrier)) == len(before) + 1


def test_mlflow_that_goes_away_in_the_middle_blocks_the_release(
    farrier: Farrier, started: Started, mlflow_server: MlflowServer
) -> None:
    before, port = releases(farrier), free_port()
    with mlflow_server(port):
        process = started("run", "tiny", "-o", "training.seed=4", MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
        until(process, "train linear: done")
    _, said = process.communicate(timeout=400)
    assert process.returncode == 1, said
    assert "nothing is released" in said
    assert releases(farrier) == before


@pytest.mark.parametrize(("name", "content", "words"), [
    ("empty", "", "is empty"),
    ("one-class", "a,target\n" + "".join(f"{n},yes\n" for n in range(50)), "yes"),
    ("vanished", "a,other\n1,2\n3,4\n", "target"),
])
def test_a_source_that_will_not_do_is_said_in_a_line(
    farrier: Farrier, home: Path, name: str, content: str, words: str
) -> None:
    file = home / f"{name}.csv"
    file.write_text(content)
    project = {**PROJECT, "data": {"source": {"kind": "file", "path": str(file)}}}
    (home / "projects" / f"{name}.yaml").write_text(yaml.safe_dump(project))
    done = farrier("run", name)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
