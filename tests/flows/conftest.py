"""A small project of synthetic rows, a home for each file of tests, and one Prefect server for those that share it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from flows.server import prefect_server
from tasks.store import CHECKOUT

PROJECT = {
    "description": "Rows that nobody needs, to see the chain at work.",
    "data": {"source": {"kind": "synthetic", "rows": 900}, "split": {"kind": "hash", "validation": 0.3, "test": 0.3}},
    "training": {"trials": 1, "families": [
        {"kind": "constant"}, {"kind": "linear"}, {"kind": "forest"},
        {"kind": "mlp", "trials": 1, "hidden": [4], "epochs": 1}]},
    "optimization": {"recipes": [
        {"name": "keep", "chain": [{"kind": "keep"}]},
        {"name": "linear", "start": "linear", "chain": [{"kind": "keep"}]},
        {"name": "trimmed", "start": "forest", "chain": [{"kind": "trim", "share": 0.5}]},
        {"name": "failing", "chain": [{"kind": "trim"}]},  # of the champion, which has no trees
    ]},
    "deployment": {"margin": {"drop": 0.2}, "measurement": {"rounds": 2, "seconds": 0.01, "warm_up": 2}},
    "targets": {"cpu-single-core": {"budgets": {"latency_p99_ms": None}}},
}

Farrier = Callable[..., subprocess.CompletedProcess[str]]
Started = Callable[..., subprocess.Popen[str]]
STEP = re.compile(r"^ *[0-9.]+ s    (?P<name>.+?)(-[0-9a-f]{3})?: (?P<end>done in|reused|failed)", re.MULTILINE)


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
    return {**kept, "FARRIER_HOME": str(home), "FARRIER_PROJECTS": str(projects), "COLUMNS": "200",
            **({"PREFECT_API_URL": server} if server else {})}


@pytest.fixture(scope="module")
def farrier(environment: dict[str, str]) -> Farrier:
    """Run the command line as a user would, and wait for its end."""
    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "farrier", *words], env={**environment, **variables}, check=False,
                              cwd=CHECKOUT, capture_output=True, text=True, timeout=400)
    return call


@pytest.fixture(scope="module")
def started(environment: dict[str, str]) -> Started:
    """Start the command line and leave it running; its words come line by line on `stderr`."""
    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-m", "farrier", *words], env={**environment, **variables},
                                cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return start


def until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Read what a running command says until words (a pattern) are in a line; all lines read so far."""
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if re.search(words, line):
            return said
    raise AssertionError(f"{words!r} was never said, but:\n{''.join(said)}")


def steps(said: str) -> dict[str, set[str]]:
    """Which steps a run made, reused and saw fail, by the lines that it said."""
    found: dict[str, set[str]] = {"done in": set(), "reused": set(), "failed": set()}
    for line in STEP.finditer(said):
        found[line["end"]].add(line["name"])
    return {"made": found["done in"], "reused": found["reused"], "failed": found["failed"]}


def releases(farrier: Farrier, project: str = "tiny") -> list[dict]:
    return json.loads(farrier("releases", project, "--history", "--json").stdout)


def runs(farrier: Farrier, project: str = "tiny") -> list[dict]:
    """The summaries of a project's runs, newest first."""
    return json.loads(farrier("runs", project, "--json").stdout)


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


def settle(home: Path, *, but: str = "nothing of it") -> None:
    """Wait until what was killed took its children along, but for a server that stays by intention."""
    deadline = time.monotonic() + 20
    while [left for left in orphans(home) if but not in left] and time.monotonic() < deadline:
        time.sleep(0.1)


def leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob(".*") if path.name.startswith((".scratch", ".unfinished"))]
