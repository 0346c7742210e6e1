"""One row with text columns: the fused graph that is released, against the scikit-learn pipeline that was trained.

Both answer the same validation rows, one at a time, on one thread, in turns. The pipeline is handed a ready frame and
the graph ready arrays; beside them stands the whole way from a row's raw values, where both build what they take.
On a busy machine the longer call is interrupted more often, which flatters the ratio: so CPU time has the same bar.

    .venv/bin/python benchmarks/inference.py [--quick]
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from harness import Figure, run

from serving.engines.onnxruntime import open_graph
from serving.inputs import feeds
from tasks.data import preparation
from tasks.data.collection import collect
from tasks.data.settings import DataSettings
from tasks.deployment.measurement import over_rounds
from tasks.optimization.export import export
from tasks.processes import set_threads
from tasks.records import PreparedData
from tasks.store import CHECKOUT, Store
from tasks.training import reference
from tasks.training.families import Boosting, Linear
from tasks.training.folds import fold

BAR = 200
COLUMNS = ("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
           "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income")
TEXTS = {"workclass": 8, "education": 16, "marital_status": 7, "occupation": 14, "relationship": 6, "race": 5, "sex": 2,
         "native_country": 41}
Way = Callable[[int], object]


def measure(quick: bool) -> tuple[str, Sequence[Figure]]:
    """Ratios of latencies, pipeline over graph."""
    set_threads(1)
    rounds, calls, rows = (5, 40, 4000) if quick else (15, 200, 32561)
    with TemporaryDirectory(prefix="farrier-inference-") as folder:
        store = Store(Path(folder) / "store")
        name, path = adult(Path(folder), rows)
        settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(path)}, "target": "income"})
        prepared = preparation.prepare(collect(settings, store), settings, store)
        figures = [figure for family in (Linear(), Boosting())
                   for figure in compare(family, prepared, store, rounds, calls)]
    return (f"{name}, {prepared.rows.train} of them to train, {len(TEXTS)} text columns; "
            f"{rounds} rounds of {calls} rows"), figures


def compare(family: Linear | Boosting, prepared: PreparedData, store: Store, rounds: int, calls: int) -> list[Figure]:
    """One family, trained and released: the ratio that has a bar, and what stands beside it."""
    pairs = ways(family, prepared, store)
    seen = {name: race(pair, rounds, calls) for name, pair in pairs.items()}
    ready, whole = seen["ready"], seen["whole"]
    return [
        _figure(f"{family.kind}: pipeline / graph, p50", ready[:, 0, 0] / ready[:, 1, 0], "times", BAR),
        _figure(f"{family.kind}: pipeline / graph, CPU time", ready[:, 0, 1] / ready[:, 1, 1], "times", BAR),
        _figure(f"{family.kind}: graph, p50", ready[:, 1, 0], "µs"),
        _figure(f"{family.kind}: pipeline, p50", ready[:, 0, 0], "µs"),
        _figure(f"{family.kind}: from raw values, pipeline / graph, p50", whole[:, 0, 0] / whole[:, 1, 0], "times"),
        _figure(f"{family.kind}: from raw values, graph, p50", whole[:, 1, 0], "µs"),
    ]


def _figure(what: str, values: np.ndarray[Any, Any], unit: str, bar: float | None = None) -> Figure:
    found = over_rounds(values.tolist())
    return Figure(what, found.value, unit, found.low, found.high, bar)


def ways(family: Linear | Boosting, prepared: PreparedData, store: Store) -> dict[str, tuple[Way, Way]]:
    """The pipeline and the graph, each as a function of a row's number: from what it takes, and from raw values."""
    schema = prepared.data_schema
    model = reference.keep(family.fit(fold(prepared, store), dict(family.first), seed=0, device="cpu"), store)
    pipeline = reference.load_sklearn(store.fetch(model.artifact))
    predict = open_graph(store.fetch(export(model, schema, prepared, store).artifact))
    frame = preparation.typed(preparation.load(prepared.validation, store), schema).head(500)
    plain: dict[str, Any] = schema.model_dump(mode="json")
    raw: list[Mapping[str, list[object]]] = [{str(name): [value] for name, value in row.items()}
                                             for row in frame.to_dict("records")]
    frames = [frame.iloc[[number]] for number in range(len(frame))]
    arrays = [feeds(plain, row) for row in raw]
    _agree(pipeline.predict_proba(frame), [predict(array)["probabilities"][0] for array in arrays])
    return {
        "ready": (lambda i: pipeline.predict_proba(frames[i]), lambda i: predict(arrays[i])),
        "whole": (lambda i: pipeline.predict_proba(preparation.typed(pd.DataFrame(raw[i]), schema)),
                  lambda i: predict(feeds(plain, raw[i]))),
    }


def _agree(pipeline: np.ndarray[Any, Any], graph: Sequence[np.ndarray[Any, Any]]) -> None:
    np.testing.assert_allclose(np.array(graph), pipeline, atol=1e-4, err_msg="the graph is not the pipeline's")


def race(pair: tuple[Way, Way], rounds: int, calls: int) -> np.ndarray[Any, Any]:
    """Median latency and mean CPU time in µs, (rounds, 2 ways, 2): in each round the one and then the other."""
    for way in pair:
        _lapse_us(way, 10)  # kernels are chosen and caches filled before anything counts
    return np.array([[_lapse_us(pair[0], max(10, calls // 10)), _lapse_us(pair[1], calls)] for _ in range(rounds)])


def _lapse_us(way: Way, calls: int) -> tuple[float, float]:
    lapses, cpu = [], time.process_time_ns()
    for call in range(calls):
        began = time.perf_counter_ns()
        way(call)
        lapses.append(time.perf_counter_ns() - began)
    return float(np.median(lapses)) / 1e3, (time.process_time_ns() - cpu) / calls / 1e3


def adult(folder: Path, rows: int) -> tuple[str, Path]:
    """Rows of the Adult census set as a CSV with a header, or made-up rows of its shape where it is not here."""
    source = Path(os.environ.get("FARRIER_TEST_DATA") or CHECKOUT.parent / "shared" / "data") / "adult-train.csv"
    if source.is_file():
        frame = pd.read_csv(source, names=COLUMNS, nrows=rows, skipinitialspace=True, na_values="?")
        name = "Adult census rows"
    else:
        frame, name = _made_up(rows), "made-up rows of the shape of Adult (its file is not here)"
    frame.to_csv(path := folder / "adult.csv", index=False)
    return name, path


def _made_up(rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({name: draw.choice([f"{name} {level}" for level in range(TEXTS[name])], rows)
                          if name in TEXTS else draw.integers(0, 1000, rows) for name in COLUMNS[:-1]})
    leaning = frame["age"] / 500 - 1 + (frame["sex"] == "sex 0") + draw.normal(0, 0.5, rows)
    return frame.assign(income=np.where(leaning > 0, ">50K", "<=50K"))


if __name__ == "__main__":
    run("inference", measure)
