"""`farrier ui` serves both UIs where the links of earlier runs lead, and takes them down again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tasks.addresses import pages_of_mlflow
from tasks.store import CHECKOUT
from tests.flows.test_faults import orphans

pytestmark = pytest.mark.timeout(400)
RUN = """
from flows.server import prefect_server
with prefect_server():
    from prefect import flow
    from flows.publishing import flow_run_url
    print(flow(flow_run_url)())
"""


def fetched(address: str) -> str:
    asked = urllib.request.Request(address, headers={"Accept": "text/html"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        assert answer.status == 200
        return answer.read().decode()


def test_the_links_of_a_run_answer_under_ui_and_stopping_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FARRIER", "PREFECT", "MLFLOW"))}
    told = {**kept, "FARRIER_HOME": str(tmp_path)}
    linked = subprocess.run([sys.executable, "-c", RUN], cwd=CHECKOUT, env=told, capture_output=True, text=True,
                            check=True, timeout=200).stdout.strip()
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    process = subprocess.Popen([sys.executable, "-m", "farrier", "ui", "--json"], cwd=CHECKOUT, env=told,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        pages = json.loads(process.stdout.readline())
        assert pages["mlflow"] == pages_of_mlflow("sqlite:///any")
        assert linked.startswith(f"{pages['prefect']}/runs/flow-run/")
        assert "<title>MLflow</title>" in fetched(pages["mlflow"])
        assert "<title>Prefect Server</title>" in fetched(linked)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (0, False), said
    assert orphans(tmp_path) == []
