"""How fast, how large and how good each candidate is on a target, by running it there."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from serving.inputs import feeds as feeds_of
from tasks.data import preparation
from tasks.deployment.hardware import fingerprint
from tasks.deployment.runtimes import Echo, Feeds, Predict, answers_of
from tasks.deployment.settings import MeasurementSettings
from tasks.deployment.target import Target, require, threads_of
from tasks.deployment.timing import BATCH, Entrant, overhead_ms, race
from tasks.errors import StoreError
from tasks.processes import ChildFailed, run_apart
from tasks.records import Artifact, Candidate, Estimate, Failed, Measurement, PreparedData, Schema
from tasks.store import Store, state
from tasks.training.metrics import estimate
from tasks.training.reference import keep_answers

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Built:
    """A candidate as its runtime has it, after it answered all validation rows in a process of its own."""

    candidate: Candidate
    artifact: Artifact
    size_bytes: int
    memory_bytes: int
    answers: Artifact
    quality: Estimate


@dataclass(frozen=True)
class Timed:
    """What the race gave one candidate: figures per round, or why it left."""

    rounds: dict[str, tuple[float, ...]]
    failure: str


def measure(candidates: Sequence[Candidate], target: Target, prepared: PreparedData, settings: MeasurementSettings,
            primary: str, store: Store) -> tuple[Measurement | Failed, ...]:
    """Every candidate on a target, in the order given; one that cannot be built, opened or asked is Failed.

    Each is built and asked for all validation rows in a process of its own, then all race in one process that has the
    target's number of threads. Nothing else of ours is measured on this machine meanwhile.
    Raises MissingExtra where the target's runtime is not installed.
    """
    require(target)
    store.fetch(prepared.validation)  # without it nobody could answer: that is no candidate's failure
    with exclusive():
        tried = [_try(candidate, target, prepared, primary, store) for candidate in candidates]
        built = [one for one in tried if isinstance(one, Built)]
        timed, harness = _race_apart(built, target, prepared, settings, store) if built else ({}, 0.0)
    return tuple(one if isinstance(one, Failed) else _result(one, timed[one.candidate.name], target, harness)
                 for one in tried)


@contextmanager
def exclusive() -> Iterator[None]:
    """Wait until no other run of this home measures; two at once would time each other."""
    from filelock import FileLock

    with FileLock(state("locks") / "measuring.lock"):
        yield


def _try(candidate: Candidate, target: Target, prepared: PreparedData, primary: str, store: Store) -> Built | Failed:
    try:
        return run_apart(_build, candidate, target, prepared, primary, store, threads=threads_of(target))
    except StoreError:
        raise
    except Exception as problem:  # noqa: BLE001  whatever one candidate's runtime raises, the others go on
        return _failed(candidate, target, str(problem) or type(problem).__name__)


def _failed(candidate: Candidate, target: Target, reason: str) -> Failed:
    first = reason.strip().splitlines()[0]
    return Failed(name=candidate.name, recipe=candidate.recipe, reason=f"on {target.name}: {first}")


def _build(candidate: Candidate, target: Target, prepared: PreparedData, primary: str, store: Store) -> Built:
    """Build, open, ask: in a fresh process, so that its memory is its own and its crash nobody else's."""
    schema, threads, runtime = prepared.data_schema, threads_of(target), target.runtime
    feeds, truth = validation(prepared, store)
    built = runtime.build(candidate, threads, schema, store)
    before = start_peak()
    predict = runtime.open(built, threads, schema, store)
    _ask(predict, feeds, slice(0, BATCH), schema)
    memory = peak_bytes() - before
    answers = answer_all(predict, feeds, schema)
    return Built(candidate, built, runtime.size_bytes(built, store), memory, keep_answers(answers, store),
                 estimate(primary, truth, answers))


def validation(prepared: PreparedData, store: Store) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """The validation rows as feeds, and their truth."""
    schema = prepared.data_schema
    frame = preparation.load(prepared.validation, store)
    columns = {str(name): values.to_numpy() for name, values in preparation.typed(frame, schema).items()}
    return feeds_of(schema.model_dump(mode="json"), columns), preparation.target(frame, schema)


def answer_all(predict: Predict, feeds: Feeds, schema: Schema, *, finite: bool = True) -> NDArray[np.float32]:
    """The answers to all rows, asked in large batches. Raises DeploymentError for answers that are none."""
    rows = len(next(iter(feeds.values())))
    starts = range(0, rows, ROWS_AT_ONCE)
    return np.concatenate([_ask(predict, feeds, slice(start, start + ROWS_AT_ONCE), schema, finite=finite)
                           for start in starts])


def _ask(
    predict: Predict, feeds: Feeds, rows: slice, schema: Schema, *, finite: bool = True
) -> NDArray[np.float32]:
    batch = {name: array[rows] for name, array in feeds.items()}
    return answers_of(predict(batch), len(next(iter(batch.values()))), schema, finite=finite)


def start_peak() -> int:
    """Count the peak anew from what is resident now, which this gives, in bytes.

    What was freed goes back to the system first: a model would take it again unseen. Where the kernel does not let the
    peak be reset it stays that of the past, and a model that grows no farther measures nothing: a miss of any budget.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def peak_bytes() -> int:
    """The most memory that this process has had resident since its start, or since the peak was reset."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _race_apart(built: Sequence[Built], target: Target, prepared: PreparedData, settings: MeasurementSettings,
                store: Store) -> tuple[dict[str, Timed], float]:
    """The race in a process of its own; should it die, each races alone first, and who dies alone is out."""
    artifacts = {one.candidate.name: one.artifact for one in built}
    try:
        return run_apart(_race, artifacts, target, prepared, settings, store, threads=threads_of(target))
    except ChildFailed as death:
        dead = {name: Timed({}, f"while it was timed, {death}") for name in artifacts}
    if len(built) == 1:
        return dead, 0.0
    alone = {one.candidate.name: _race_apart([one], target, prepared, settings, store)[0][one.candidate.name]
             for one in built}
    left = [one for one in built if not alone[one.candidate.name].failure]
    if not left or len(left) == len(built):
        return dead if left else alone, 0.0
    timed, harness = _race_apart(left, target, prepared, settings, store)
    return alone | timed, harness


def _race(artifacts: Mapping[str, Artifact], target: Target, prepared: PreparedData, settings: MeasurementSettings,
          store: Store) -> tuple[dict[str, Timed], float]:
    """Time all candidates in this process, and what the harness itself takes, in ms."""
    schema, threads = prepared.data_schema, threads_of(target)
    feeds, _ = validation(prepared, store)
    entrants = [Entrant(name, target.runtime.open(artifact, threads, schema, store))
                for name, artifact in artifacts.items()]
    harness = overhead_ms(Echo().open(next(iter(artifacts.values())), 1, schema, store), feeds)
    race(entrants, feeds, settings, target.scenario)
    figures = {e.name: Timed({name: tuple(values) for name, values in e.rounds.items()}, e.failure) for e in entrants}
    return figures, harness


def _result(built: Built, timed: Timed, target: Target, harness: float) -> Measurement | Failed:
    if timed.failure:
        return _failed(built.candidate, target, timed.failure)
    rounds = timed.rounds
    return Measurement(
        candidate=built.candidate.name, target=target.name, scenario=target.scenario,
        latency_p50_ms=over_rounds(rounds["p50_ms"]), latency_p99_ms=over_rounds(rounds["p99_ms"]),
        throughput_per_s=over_rounds(rounds["throughput_per_s"]), cpu_s_per_1000=over_rounds(rounds["cpu_s_per_1000"]),
        memory_bytes=built.memory_bytes, size_bytes=built.size_bytes, quality=built.quality, answers=built.answers,
        rounds=rounds, harness_p50_ms=harness, evidence="measured", fingerprint=fingerprint(), shortened=True,
    )


def over_rounds(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """The median of a figure's rounds, between two of its rounds that hold the true median at this level or more.

    The interval is that of the sign test: whatever the distribution, each round lies above the true median as likely as
    below. Up to eight rounds it is the least and the most of them. Fewer than six cannot hold it at 95 %: the level
    that is reached stands in the estimate.

    >>> found = over_rounds([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    >>> found.value, found.low, found.high, found.level
    (3.5, 1.0, 6.0, 0.96875)
    """
    rounds = np.sort(np.asarray(values, dtype=np.float64))
    outside = max(0, int(stats.binom.ppf((1 - level) / 2, len(rounds), 0.5)) - 1)
    reached = 1 - 2 * float(stats.binom.cdf(outside, len(rounds), 0.5))
    return Estimate(value=float(np.median(rounds)), low=float(rounds[outside]), high=float(rounds[-1 - outside]),
                    level=max(0.0, reached), method="sign test's interval of the median over rounds", n=len(rounds))
