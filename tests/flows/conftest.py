"""A small project of synthetic rows, a home of its own for each test, and one Prefect server for all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from flows.server import prefect_server
from tasks.store import CHECKOUT

PROJECT = {
    "description": "Rows that nobody needs, to see the chain at work.",
    "data": {"source": {"kind": "synthetic", "rows": 900}, "split": {"kind": "hash", "validation": 0.3, "test": 0.3}},
    "training": {"families": [{"kind": "constant"}, {"kind": "linear"}, {"kind": "forest"}], "trials": 1},
    "optimization": {"recipes": [
        {"name": "keep", "chain": [{"kind": "keep"}]},
        {"name": "linear", "start": "linear", "chain": [{"kind": "keep"}]},
        {"name": "trimmed", "start": "forest", "chain": [{"kind": "trim", "share": 0.5}]},
    ]},
    "deployment": {"margin": {"drop": 0.2}, "measurement": {"rounds": 2, "seconds": 0.01, "warm_up": 2}},
    "targets": {"cpu-single-core": {"budgets": {"latency_p99_ms": None}}},
}

Farrier = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for the session, under a home of its own."""
    before = os.environ.get("FARRIER_HOME")
    os.environ["FARRIER_HOME"] = str(tmp_path_factory.mktemp("server"))
    try:
        with prefect_server() as url:
            yield url
    finally:
        os.environ.pop("FARRIER_HOME") if before is None else os.environ.update(FARRIER_HOME=before)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that the tests of one file share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environment(home: Path, server: str) -> dict[str, str]:
    """What a command is told: its home, the project `tiny`, the server; nothing of the test's own."""
    projects = home / "projects"
    projects.mkdir()
    (projects / "tiny.yaml").write_text(yaml.safe_dump(PROJECT, sort_keys=False))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FARRIER", "PREFECT", "MLFLOW"))}
    return {**kept, "FARRIER_HOME": str(home), "FARRIER_PROJECTS": str(projects), "PREFECT_API_URL": server,
            "COLUMNS": "200"}


@pytest.fixture(scope="module")
def farrier(environment: dict[str, str]) -> Farrier:
    """Run the command line as a user would, and wait for its end."""
    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "farrier", *words], env={**environment, **variables}, check=False,
                              cwd=CHECKOUT, capture_output=True, text=True, timeout=400)
    return call


@pytest.fixture(scope="module")
def started(environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Start the command line and leave it running; its words come line by line on `stderr`."""
    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-m", "farrier", *words], env={**environment, **variables},
                                cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return start


def until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read what a running command says until a line holds the words; all lines read so far."""
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if words in line:
            return said
    raise AssertionError(f"{words!r} was never said, but:\n{''.join(said)}")
