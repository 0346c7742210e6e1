from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from conf.settings import load as load_settings
from farrier.monitor import monitor
from serving.inputs import feeds
from tasks.data.features import typed
from tasks.data.preparation import load
from tasks.deployment.releasing import release
from tasks.errors import DeploymentError
from tasks.monitoring.log import append
from tasks.monitoring.watching import Finding
from tasks.records import ColumnDrift, Drift, PreparedData, Release
from tasks.store import CHECKOUT, Store, home, state
from tasks.tracking import Tracking
from tests.flows.conftest import orphans, settle
from tests.flows.leaving import MONITORED, left


@pytest.fixture
def live(pack_one: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """The project `shop`, with settings and a release."""
    projects = tmp_path / "projects"
    projects.mkdir()
    monkeypatch.setenv("FARRIER_PROJECTS", str(projects))
    project = {"data": {"source": {"kind": "synthetic"}}, "targets": {"cpu-server": {}},
               "monitoring": {"least_rows": 50}}
    (projects / "shop.yaml").write_text(yaml.safe_dump(project))
    packed = pack_one()
    return release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())


def log(live: Release, mixed: PreparedData, shelf: Store, *, older: float) -> None:
    frame = typed(load(mixed.validation, shelf), mixed.data_schema)
    columns = {name: frame[name].to_numpy() for name in frame} | {"age": frame["age"].to_numpy() + np.float32(older)}
    asked = feeds(mixed.data_schema.model_dump(mode="json"), columns)
    append(live, asked, {"label": np.full(len(frame), "no", dtype=object)})


def finding(live: Release, columns: tuple[ColumnDrift, ...]) -> Finding:
    drift = Drift(rows=200, columns=columns, drifted=any(one.drifted for one in columns), false_alarm_rate=0.01)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Finding(project="shop", target="cpu-server", version=1, package=live.package.sha256, at=noon, rows=200,
                   least_rows=50, first=noon, last=noon, drift=drift)


def test_an_entry_holds_each_value_under_a_name_that_mlflow_takes(live: Release) -> None:
    from flows.monitoring import entry

    columns = (ColumnDrift(column="größe (cm)", statistic="ks", value=0.5, threshold=0.1, drifted=True),
               ColumnDrift(column="age", statistic="psi", value=0.01, threshold=0.1, drifted=False))
    found = finding(live, columns)
    made = entry(found, found.drift)
    assert made.metrics == {"rows": 200.0, "drifted": 1.0, "alarms": 1.0, "größe _cm_/ks": 0.5, "age/psi": 0.01}
    assert made.tags["farrier.drifted"] == "true"
    assert made.key == "monitoring/shop/cpu-server/20260301T120000Z"
    Tracking().post(made)
    assert Tracking().outbox.waiting() == []


def test_drift_is_found_kept_published_and_tracked(live: Release, mixed: PreparedData, shelf: Store) -> None:
    log(live, mixed, shelf, older=60.0)
    done = farrier("monitor", "shop", "--json")
    assert done.returncode == 3, done.stderr
    assert "Error logging" not in done.stdout + done.stderr
    (found,) = json.loads(done.stdout)
    assert {one["column"] for one in found["drift"]["columns"] if one["drifted"]} == {"age"}
    assert sorted(file.suffix for file in state("monitoring", "shop", "cpu-server").iterdir()) == [
        ".json", ".md", ".svg"]
    tracking = Tracking(load_settings("shop").tracking.uri)
    client = tracking.client
    (run,) = client.search_runs([client.get_experiment_by_name("shop").experiment_id])
    assert run.info.run_name == "monitoring cpu-server"
    assert run.data.metrics["drifted"] == 1.0
    values = {f"{one['column']}/{one['statistic']}" for one in found["drift"]["columns"]}
    assert left(tracking, run) == MONITORED._replace(metrics=MONITORED.metrics | values)
    assert published() == ["monitoring"]


def farrier(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: Prefect reads where its server is when it is imported."""
    return subprocess.run([sys.executable, "-m", "farrier", *words], capture_output=True, text=True, check=False,
                          env=alone(), cwd=CHECKOUT)


def alone() -> dict[str, str]:
    """The environment of a command that starts a Prefect server of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return environment | {"PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "60"}  # the rest of the logs must not wait for that


def test_a_look_that_is_killed_costs_no_row_and_the_next_is_whole(
    live: Release, mixed: PreparedData, shelf: Store
) -> None:
    log(live, mixed, shelf, older=60.0)
    kept = state("monitoring", "shop", "cpu-server")
    with subprocess.Popen([sys.executable, "-m", "farrier", "monitor", "shop"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=alone(), cwd=CHECKOUT) as looking:
        while not list(kept.iterdir()) and looking.poll() is None:
            time.sleep(0.001)
        looking.kill()  # while the finding is written
    assert looking.returncode == -signal.SIGKILL
    settle(home(), but="prefect")
    done = farrier("monitor", "shop", "--json")
    assert done.returncode == 3, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["rows"] == mixed.rows.validation
    assert all(json.loads(file.read_text())["rows"] == found["rows"] for file in kept.glob("[!.]*.json"))
    assert orphans(home()) == []


def published() -> list[str]:
    """The keys of the Markdown artifacts that this home's Prefect server keeps."""
    with sqlite3.connect(state("prefect") / "prefect.db") as database:
        return [key for (key,) in database.execute("SELECT DISTINCT key FROM artifact WHERE type = 'markdown'")]


def test_what_was_never_released_cannot_be_monitored(live: Release) -> None:
    with pytest.raises(DeploymentError, match="cpu-tiny"):
        monitor("shop", target="cpu-tiny")
