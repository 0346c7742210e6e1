"""What is measured is the candidate, through its runtime; one that fails is a row, not the end."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest

from tasks.deployment.measurement import measure, over_rounds
from tasks.deployment.runtimes import Echo, OnnxRuntime, Predict, Torch
from tasks.deployment.settings import MeasurementSettings
from tasks.deployment.target import Target
from tasks.errors import CorruptedArtifact, MissingExtra
from tasks.records import Artifact, Candidate, Failed, Form, Measurement, PreparedData, Schema
from tasks.store import CHECKOUT, Store

Case = tuple[Candidate, PreparedData]
QUICK = MeasurementSettings(rounds=2, seconds=0.002, warm_up=2)


def on(runtime: OnnxRuntime | Torch | Echo) -> Target:
    return Target(name="here", runtime=runtime, threads=1)


@pytest.fixture
def home(store: Store) -> Store:
    """A home of this test's own, where the lock and new artifacts go."""
    return store


def test_a_measurement_is_whole(rows: Case, home: Store) -> None:
    candidate, prepared = rows
    [found] = measure([candidate], on(OnnxRuntime()), prepared, QUICK, "accuracy", home)
    assert isinstance(found, Measurement)
    assert (found.candidate, found.target, found.evidence, found.shortened) == ("rows", "here", "measured", True)
    assert found.size_bytes == candidate.model.size_bytes
    assert 0 < found.memory_bytes < 2**30
    assert found.harness_p50_ms is not None
    assert 0 < found.harness_p50_ms < 1
    assert {name: len(values) for name, values in found.rounds.items()} == dict.fromkeys(
        ("p50_ms", "p99_ms", "throughput_per_s", "cpu_s_per_1000"), 2)
    assert all(value > 0 for values in found.rounds.values() for value in values)
    assert found.latency_p50_ms.value <= found.latency_p99_ms.value
    assert found.latency_p50_ms.n == 2


def test_quality_is_through_the_runtime(rows: Case, home: Store) -> None:
    candidate, prepared = rows
    [real] = measure([candidate], on(OnnxRuntime()), prepared, QUICK, "accuracy", home)
    [null] = measure([candidate], on(Echo()), prepared, QUICK, "accuracy", home)
    assert isinstance(real, Measurement)
    assert isinstance(null, Measurement)
    own = np.load(home.fetch(candidate.answers))
    np.testing.assert_allclose(np.load(home.fetch(real.answers)), own, atol=1e-4)
    assert real.quality.value == candidate.quality.value
    assert null.quality.value < real.quality.value


def test_a_regression_is_measured(regression: Case, home: Store) -> None:
    candidate, prepared = regression
    [found] = measure([candidate], on(OnnxRuntime()), prepared, QUICK, "rmse", home)
    assert isinstance(found, Measurement)
    assert found.quality.value == pytest.approx(candidate.quality.value, rel=1e-4)


def broken_graph(candidate: Candidate, store: Store) -> Candidate:
    with store.scratch() as folder:
        (path := folder / "model.onnx").write_bytes(b"no graph")
        model = candidate.model.model_copy(update={"artifact": store.put(path)})
    return candidate.model_copy(update={"name": "broken", "model": model})


def test_one_that_cannot_be_opened_does_not_stop_the_others(rows: Case, home: Store) -> None:
    candidate, prepared = rows
    first, second = measure([broken_graph(candidate, home), candidate], on(OnnxRuntime()), prepared, QUICK,
                            "accuracy", home)
    assert isinstance(first, Failed)
    assert first.name == "broken"
    assert first.reason.startswith("on here: ONNX Runtime")
    assert isinstance(second, Measurement)


def test_a_form_that_the_runtime_does_not_take_is_failed(rows: Case, home: Store) -> None:
    candidate, prepared = rows
    [found] = measure([candidate], on(Torch()), prepared, QUICK, "accuracy", home)
    assert isinstance(found, Failed)
    assert "takes torch" in found.reason


class Deadly(Echo):
    """Takes its process along when it is opened."""

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:
        os._exit(9)


class Fickle(Echo):
    """Answers batches, and raises on a single row."""

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:
        answer = super().open(built, threads, schema, store)

        def predict(feeds):  # type: ignore[no-untyped-def]
            if len(next(iter(feeds.values()))) == 1:
                raise ZeroDivisionError("one row is not enough")
            return answer(feeds)

        return predict


@pytest.mark.parametrize(("runtime", "reason"), [
    (Deadly(), "ended with exit code 9"), (Fickle(), "ZeroDivisionError: one row is not enough")])
def test_death_and_failure_stay_in_the_child(runtime: Echo, reason: str, rows: Case, home: Store,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(CHECKOUT)  # the child must find the runtimes above
    candidate, prepared = rows
    target = on(Echo()).model_copy(update={"runtime": runtime})
    [found] = measure([candidate], target, prepared, QUICK, "accuracy", home)
    assert isinstance(found, Failed)
    assert reason in found.reason


class Absent(Echo):
    """Needs what nobody has."""

    package = "a_package_that_nobody_has"
    extra = "exotic"
    takes = frozenset[Form]({"onnx"})


def test_a_target_whose_runtime_is_not_installed_is_refused_with_the_command(rows: Case, home: Store) -> None:
    candidate, prepared = rows
    target = on(Echo()).model_copy(update={"runtime": Absent()})
    with pytest.raises(MissingExtra, match=r"Run: .venv/bin/pip install -e '.\[exotic\]'"):
        measure([candidate], target, prepared, QUICK, "accuracy", home)


def test_validation_rows_that_are_gone_are_not_the_candidates_fault(rows: Case, home: Store) -> None:
    candidate, prepared = rows
    gone = prepared.validation.model_copy(update={"uri": (home.root / "nowhere.parquet").as_uri()})
    with pytest.raises(CorruptedArtifact):
        measure([candidate], on(OnnxRuntime()), prepared.model_copy(update={"validation": gone}), QUICK, "accuracy",
                home)


def test_the_interval_of_rounds_holds_their_median() -> None:
    found = over_rounds([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.value, found.n) == (3.0, 5)
    assert 1.0 <= found.low < found.value < found.high <= 100.0


class Hungry(Echo):
    """Holds 200 MB from when it is opened, and frees 300 MB when it is built."""

    def build(self, candidate: Candidate, threads: int, schema: Schema, store: Store) -> Artifact:
        np.ones(300 * 2**20, dtype=np.uint8).sum()
        return super().build(candidate, threads, schema, store)

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:
        held, answer = np.ones(200 * 2**20, dtype=np.uint8), super().open(built, threads, schema, store)
        return lambda feeds: answer(feeds) if held[-1] else {}


def test_memory_is_what_a_model_takes_whatever_was_freed_before(rows: Case, home: Store,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(CHECKOUT)
    candidate, prepared = rows
    target = on(Echo()).model_copy(update={"runtime": Hungry()})
    [found] = measure([candidate], target, prepared, QUICK, "accuracy", home)
    assert isinstance(found, Measurement)
    assert 200 * 2**20 <= found.memory_bytes < 230 * 2**20


class DeadlyWhenTimed(OnnxRuntime):
    """Takes its process along when a single row is asked of the graph of this size."""

    size_of_the_deadly: int

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:
        answer = super().open(built, threads, schema, store)

        def predict(feeds):  # type: ignore[no-untyped-def]
            if built.size_bytes == self.size_of_the_deadly and len(next(iter(feeds.values()))) == 1:
                os._exit(9)
            return answer(feeds)

        return predict


def test_who_dies_in_the_race_is_out_and_the_others_are_timed(rows: Case, home: Store,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(CHECKOUT)
    candidate, prepared = rows
    with home.scratch() as folder:  # the same graph with a longer description
        graph = onnx.load(home.fetch(candidate.model.artifact))
        graph.doc_string = "another"
        onnx.save(graph, folder / "model.onnx")
        other = home.put(folder / "model.onnx")
    deadly = candidate.model_copy(update={
        "name": "deadly", "model": candidate.model.model_copy(update={"artifact": other})})
    target = on(Echo()).model_copy(update={"runtime": DeadlyWhenTimed(size_of_the_deadly=other.size_bytes)})
    first, second = measure([deadly, candidate], target, prepared, QUICK, "accuracy", home)
    assert isinstance(first, Failed)
    assert "while it was timed" in first.reason
    assert isinstance(second, Measurement)


@pytest.mark.parametrize("rounds", [2, 3, 5, 6, 7, 9, 12, 25])
def test_the_level_of_an_interval_over_rounds_is_the_one_that_it_reaches(rounds: int) -> None:
    """Simulated rounds of a long tail: the true median lies within as often as is said, at 95 % where so many can."""
    drawn = np.random.default_rng(rounds).lognormal(size=(4000, rounds))
    found = [over_rounds(one) for one in drawn]
    within = np.mean([one.low <= 1.0 <= one.high for one in found])
    assert within == pytest.approx(found[0].level, abs=0.02)
    assert (found[0].level >= 0.95) == (rounds >= 6)
