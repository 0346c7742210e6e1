"""Candidates against the clock: in each round every candidate once, one row at a time and then in batches.

A round's p99 is the order statistic below which, on average, 99 % of such queries lie, whatever their distribution.
With fewer than 99 queries there is none, so a turn has 100 at least, however long they take.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.deployment.loadgen import drive
from tasks.deployment.runtimes import Predict
from tasks.deployment.settings import MeasurementSettings
from tasks.records import Scenario

Feeds = Mapping[str, NDArray[Any]]
LIBRARY = 512  # rows that LoadGen draws from: enough to vary, few enough to keep each one apart
BATCH = 256  # rows
LEAD_QUERIES, LEAD_BATCHES = 4, 1  # at the start of each turn, not counted: the candidate before has cooled the caches
QUERIES = (100, 2000)  # a turn, at least and at most
BATCHES = (1, 16)


CPU_OF: dict[Scenario, str] = {"single-stream": "cpu_of_singles", "offline": "cpu_of_batches"}


class Lapse(NamedTuple):
    """How long an answer took, in nanoseconds: on the wall, and of this process's CPUs together."""

    wall: int
    cpu: int


@dataclass
class Entrant:
    """One candidate in the race: how to ask it, how often a turn, and what its rounds gave, or why it left."""

    name: str
    predict: Predict
    queries: int = QUERIES[0]
    batches: int = BATCHES[0]
    rounds: dict[str, list[float]] = field(default_factory=dict)
    failure: str = ""

    def ask(self, feeds: Feeds) -> Lapse:
        """Time one answer; an entrant that failed once is not asked again."""
        if self.failure:
            return Lapse(0, 0)
        cpu = time.process_time_ns()
        wall = time.perf_counter_ns()
        try:
            self.predict(feeds)
        except Exception as problem:  # noqa: BLE001  whatever one runtime raises, the others go on
            self.failure = f"{type(problem).__name__}: {problem}"
        return Lapse(time.perf_counter_ns() - wall, time.process_time_ns() - cpu)

    def note(self, **figures: float) -> None:
        """Add one round's figures."""
        for name, value in figures.items():
            self.rounds.setdefault(name, []).append(value)


    def settle(self, scenario: Scenario) -> None:
        """Keep the CPU seconds of the scenario's own shape."""
        of_shape = {name: self.rounds.pop(name, []) for name in CPU_OF.values()}
        self.rounds["cpu_s_per_1000"] = of_shape[CPU_OF[scenario]]


@dataclass(frozen=True)
class Library:
    """Some validation rows, ready to be asked for by number: each on its own, or gathered into a batch."""

    feeds: Feeds
    singles: tuple[Feeds, ...]

    @classmethod
    def of(cls, feeds: Feeds) -> Library:
        """At most LIBRARY of the rows, evenly spaced."""
        rows = len(next(iter(feeds.values())))
        chosen = np.unique(np.linspace(0, rows - 1, min(rows, LIBRARY)).astype(int))
        kept = {name: np.ascontiguousarray(array[chosen]) for name, array in feeds.items()}
        singles = [{name: array[i : i + 1] for name, array in kept.items()} for i in range(len(chosen))]
        return cls(kept, tuple(singles))

    def batch(self, numbers: Sequence[int]) -> Feeds:
        """These rows as one batch."""
        return {name: array[np.asarray(numbers)] for name, array in self.feeds.items()}


def race(entrants: Sequence[Entrant], feeds: Feeds, settings: MeasurementSettings, scenario: Scenario) -> None:
    """Run every round; each entrant keeps its figures, or the reason why it could not go on.

    A round's figures: p50_ms and p99_ms of single rows, throughput_per_s of batches, and cpu_s_per_1000 of what the
    scenario asks: of single rows, where what a call costs by itself weighs most, or of batches.
    """
    library = Library.of(feeds)
    for entrant in entrants:
        _warm_up(entrant, library, settings)
    for number in range(settings.rounds):
        if running := [entrant for entrant in entrants if not entrant.failure]:
            single_stream(running, library, seed=2 * number)
            offline(running, library, seed=2 * number + 1)
    for entrant in entrants:
        entrant.settle(scenario)


def overhead_ms(nothing: Predict, feeds: Feeds) -> float:
    """What LoadGen and its callbacks add to a query: its clock's median less ours, of a runtime that does nothing."""
    idle = Entrant("echo", nothing, queries=QUERIES[1])
    median = single_stream([idle], Library.of(feeds), seed=0)
    return max(0.0, median - idle.rounds["p50_ms"][0])


def _warm_up(entrant: Entrant, library: Library, settings: MeasurementSettings) -> None:
    """Ask until the runtime has chosen its kernels, and see how many questions fit in a turn."""
    rows = [library.singles[i % len(library.singles)] for i in range(max(2, settings.warm_up))]
    single = [entrant.ask(row).wall for row in rows]
    whole = [entrant.ask(library.batch(range(len(library.singles)))).wall for _ in range(3)]
    entrant.queries = _in(QUERIES, settings.seconds * 1e9 / max(1.0, np.median(single[len(single) // 2 :])))
    of_batch = min(whole) * BATCH / len(library.singles)
    entrant.batches = _in(BATCHES, settings.seconds * 1e9 / max(1.0, of_batch))


def _in(bounds: tuple[int, int], value: float) -> int:
    return int(min(max(value, bounds[0]), bounds[1]))


def single_stream(running: Sequence[Entrant], library: Library, *, seed: int) -> float:
    """One round of single rows, each asked when the one before is answered; LoadGen's own median in ms."""
    turns = [entrant for entrant in running for _ in range(LEAD_QUERIES + entrant.queries)]
    order = iter(turns)
    lapses: dict[str, list[Lapse]] = {entrant.name: [] for entrant in running}

    def answer(numbers: list[int]) -> None:
        entrant = next(order)
        lapses[entrant.name].append(entrant.ask(library.singles[numbers[0]]))

    median = drive("single-stream", answer, samples=len(turns), rows=len(library.singles), seed=seed)
    for entrant in running:
        counted = lapses[entrant.name][LEAD_QUERIES:]
        p50, p99 = np.percentile([c.wall for c in counted], (50, 99), method="weibull") / 1e6
        entrant.note(p50_ms=float(p50), p99_ms=float(p99),
                     cpu_of_singles=sum(c.cpu for c in counted) / len(counted) * 1e-6)
    return median


def offline(running: Sequence[Entrant], library: Library, *, seed: int) -> None:
    """One round of batches, all asked at once."""
    turns = [entrant for entrant in running for _ in range(LEAD_BATCHES + entrant.batches)]
    lapses: dict[str, list[Lapse]] = {entrant.name: [] for entrant in running}

    def answer(numbers: list[int]) -> None:
        for turn, entrant in enumerate(turns):
            rows = numbers[turn * BATCH : (turn + 1) * BATCH]
            lapses[entrant.name].append(entrant.ask(library.batch(rows)))

    drive("offline", answer, samples=len(turns) * BATCH, rows=len(library.singles), seed=seed)
    for entrant in running:
        counted = lapses[entrant.name][LEAD_BATCHES:]
        rows, wall, cpu = BATCH * len(counted), sum(c.wall for c in counted), sum(c.cpu for c in counted)
        entrant.note(throughput_per_s=rows / max(wall, 1) * 1e9, cpu_of_batches=cpu / rows * 1e-6)
