"""Real, small data that every stage's tests may use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.processes import cool_down
from tasks.records import (
    Artifact,
    Candidate,
    Comparison,
    Estimate,
    Fingerprint,
    Measurement,
    Model,
    Parity,
    PreparedData,
    Recipe,
    Record,
    Verdict,
)
from tasks.store import CHECKOUT, Store

MAY_LACK = ("CUDA", "accelerator", "FARRIER_TEST_DATA", "a right to mount")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI is true, a test that is skipped for want of anything that a machine may lack fails."""
    report = yield
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    if os.environ.get("CI") == "true" and report.skipped and not any(word in reason for word in MAY_LACK):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not be skipped here: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def no_process_stays() -> Iterator[None]:
    """The fork server that tests started ends with them, not some time after."""
    yield
    cool_down()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store under a FARRIER_HOME of this test's own."""
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    return Store()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of the test's own, where this machine lets us mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False,
                             capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs a right to mount a small file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


MlflowServer = Callable[[int], AbstractContextManager["subprocess.Popen[bytes]"]]


@pytest.fixture
def mlflow_server(tmp_path: Path) -> MlflowServer:
    """Starts a real MLflow server on a port of loopback for the length of a block; started again, it remembers."""
    @contextmanager
    def at(port: int) -> Iterator[subprocess.Popen[bytes]]:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{tmp_path}/served.db",
             "--artifacts-destination", str(tmp_path / "served")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})  # six processes that nobody here asks
        try:
            _answers(port)
            yield server
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    return at


def _answers(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError("the MLflow server did not come up")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The session's store, where the prepared sets lie; any other store can fetch them too."""
    return Store(tmp_path_factory.mktemp("shelf"))


def prepared(shelf: Store, **settings: object) -> PreparedData:
    data = DataSettings.model_validate(settings)
    return prepare(collect(data, shelf), data, shelf)


@pytest.fixture(scope="session")
def digits(shelf: Store) -> PreparedData:
    """1,797 images of 8 by 8 pixels, ten classes."""
    return prepared(shelf, source={"kind": "sklearn", "name": "digits"}, input="image", shape=(8, 8))


@pytest.fixture(scope="session")
def cancer(shelf: Store) -> PreparedData:
    """569 rows of 30 numbers, two classes: benign and malignant, in this order."""
    return prepared(shelf, source={"kind": "sklearn", "name": "breast_cancer"})


@pytest.fixture(scope="session")
def mixed(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """400 customers, two classes (no, yes): numbers and categories, both with missing values, a time, an identifier."""
    path = tmp_path_factory.mktemp("mixed") / "customers.csv"
    customers(400, seed=7).to_csv(path, index=False)
    return prepared(shelf, source={"kind": "file", "path": str(path)}, target="churned")


STRANGE = ("hours per week", "a.b", "x-y", "9lives", "0", "a(b)", "Temp [C]", "in %", "u/v", "variable", "c0", "c1",
           "<second>0", "größe")


@pytest.fixture(scope="session")
def strange(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """300 rows whose columns are called as no identifier is, or as something inside a graph; two hold words."""
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(draw.normal(size=(300, len(STRANGE))), columns=list(STRANGE))
    frame["the plan, now"], frame["1"] = draw.choice(["a", "b"], 300), draw.choice(["x", "y", "z"], 300)
    frame["target"] = np.where(frame["a.b"] + (frame["1"] == "x") > 0, "yes", "no")
    frame.to_csv(path := tmp_path_factory.mktemp("strange") / "rows.csv", index=False)
    return prepared(shelf, source={"kind": "file", "path": str(path)}, target="target")


def customers(rows: int, *, seed: int) -> pd.DataFrame:
    """A made-up table whose answer leans on a number and a category."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "customer": [f"c{number:05d}" for number in range(rows)],
        "joined": pd.date_range("2024-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
        "age": draw.integers(18, 90, rows).astype(float),
        "spent": draw.lognormal(4, 1, rows).round(2),
        "plan": draw.choice(["basic", "family", "premium"], rows),
        "city": draw.choice(["Bern", "Genève", "Lugano", "Zürich"], rows, p=[0.4, 0.3, 0.2, 0.1]),
    })
    leaning = (frame["age"] - 54) / 15 + 2.0 * (frame["plan"] == "basic") - 1 + draw.normal(0, 0.7, rows)
    frame["churned"] = np.where(leaning > 0, "yes", "no")
    frame.loc[draw.random(rows) < 0.1, "age"] = np.nan
    frame.loc[draw.random(rows) < 0.1, "city"] = None
    return frame


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public data sets; the test is skipped where it is absent."""
    folder = Path(os.environ.get("FARRIER_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"needs the public data sets, which are not in {folder}: name their folder in FARRIER_TEST_DATA")
    return folder


class Packed(Record):
    """A package and the records that it was made from."""

    package: Artifact
    candidate: Candidate
    measurement: Measurement
    verdict: Verdict


@pytest.fixture
def pack_one(store: Store, mixed: PreparedData, tmp_path: Path) -> Callable[..., Packed]:
    """Packs a small graph for the mixed rows; another `bias` is another model, so another package."""
    from tasks.deployment.packaging import Lineage, pack
    from tasks.deployment.target import Target

    def make(bias: float = 0.0, *, target: str = "cpu-server", outcome: Any = "pass", run: str = "",
             budgets: dict[str, float] | None = None) -> Packed:
        save_graph(tmp_path / "graph.onnx", bias)
        graph = store.put(tmp_path / "graph.onnx")
        candidate, measurement, verdict = numbers_of(graph, target, outcome)
        place = Target.model_validate({"name": target, "runtime": {"kind": "onnxruntime"}, "threads": 1,
                                       "budgets": budgets or {}})
        lineage = Lineage(project="shop", commit="c0ffee", settings="5e77", run=run)
        package = pack(candidate, graph, place, measurement, verdict, mixed, lineage, store)
        return Packed(package=package, candidate=candidate, measurement=measurement, verdict=verdict)

    return make


def save_graph(path: Path, bias: float) -> None:
    """A logistic model of `age` and `plan`, by hand: columns in, `label` and `probabilities` out."""
    from onnx import TensorProto, helper, save

    node, number, text = helper.make_node, TensorProto.FLOAT, TensorProto.STRING
    inputs = [helper.make_tensor_value_info(name, kind, ["N", 1])
              for name, kind in (("age", number), ("spent", number), ("plan", text), ("city", text))]
    outputs = [helper.make_tensor_value_info("label", text, ["N"]),
               helper.make_tensor_value_info("probabilities", number, ["N", 2])]
    constants = [helper.make_tensor(name, number, [1], [value])
                 for name, value in (("middle", 54.0), ("scale", 1 / 15), ("one", 1.0))]
    steps = [
        node("IsNaN", ["age"], ["gone"]),
        node("Where", ["gone", "middle", "age"], ["known"]),
        node("Sub", ["known", "middle"], ["centered"]),
        node("Mul", ["centered", "scale"], ["scaled"]),
        node("LabelEncoder", ["plan"], ["weight"], domain="ai.onnx.ml", keys_strings=["basic", "family", "premium"],
             values_floats=[1.0 + bias, bias - 1.0, bias - 1.0], default_float=bias),
        node("Add", ["scaled", "weight"], ["score"]),
        node("Sigmoid", ["score"], ["yes"]),
        node("Sub", ["one", "yes"], ["no"]),
        node("Concat", ["no", "yes"], ["probabilities"], axis=1),
        node("ArgMax", ["probabilities"], ["index"], axis=1, keepdims=0),
        node("LabelEncoder", ["index"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1],
             values_strings=["no", "yes"], default_string="no"),
    ]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph(steps, "by_hand", inputs, outputs, constants)
    save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def numbers_of(graph: Artifact, target: str, outcome: Any) -> tuple[Candidate, Measurement, Verdict]:
    """A candidate with made-up numbers."""
    about = Estimate(value=0.9, low=0.85, high=0.95, method="wilson", n=80)
    machine = Fingerprint(cpu="a CPU", isa=("avx2",), cores=2, memory_bytes=2**30, system="Linux", versions={})
    drop = Estimate(value=0.0, low=-0.01, high=0.005, method="tango", n=80)
    overall = Comparison(name="overall", metric="accuracy", candidate=0.9, champion=0.9, drop=drop, margin=0.02,
                         outcome=outcome)
    candidate = Candidate(
        name="linear-keep", model=Model(form="onnx", artifact=graph), family="linear", parent="a" * 64,
        recipe=Recipe(name="keep", chain='[{"kind":"keep"}]'), size_bytes=graph.size_bytes, quality=about,
        answers=graph, parity=Parity(rows=80, largest_difference=1e-7, tolerance=1e-4))
    measurement = Measurement(
        candidate=candidate.name, target=target, scenario="single-stream", latency_p50_ms=about, latency_p99_ms=about,
        throughput_per_s=about, cpu_s_per_1000=about, memory_bytes=10**6, size_bytes=graph.size_bytes, quality=about,
        answers=graph, rounds={"p50_ms": (0.9, 0.91)}, evidence="measured", fingerprint=machine, shortened=True)
    return candidate, measurement, Verdict(candidate=candidate.name, outcome=outcome, overall=overall)
