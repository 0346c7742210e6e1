"""Candidates race in turns; a slower one is seen to be slower, a failing one leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tasks.deployment.settings import MeasurementSettings
from tasks.deployment.timing import BATCH, LIBRARY, QUERIES, Entrant, Library, overhead_ms, race

FEEDS = {"x": np.arange(900, dtype=np.float32).reshape(-1, 1), "t": np.array(["a"] * 900, dtype=object).reshape(-1, 1)}
QUICK = MeasurementSettings(rounds=3, seconds=0.001, warm_up=2)


class Recorder:
    """A runtime that keeps what it was asked, in one diary for all."""

    def __init__(self, name: str, diary: list[tuple[str, int]]) -> None:
        self.name, self.diary = name, diary

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        assert {name: array.shape[1:] for name, array in feeds.items()} == {"x": (1,), "t": (1,)}
        self.diary.append((self.name, len(feeds["x"])))
        return {}


def turns(diary: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The diary with each run of equal entries told once."""
    return [entry for i, entry in enumerate(diary) if i == 0 or entry != diary[i - 1]]


def test_candidates_take_turns_in_every_round() -> None:
    diary: list[tuple[str, int]] = []
    entrants = [Entrant(name, Recorder(name, diary)) for name in "abc"]
    race(entrants, FEEDS, QUICK, "single-stream")
    one_round = [(name, rows) for rows in (1, BATCH) for name in "abc"]
    assert turns(diary)[-3 * len(one_round):] == 3 * one_round
    assert all(len(values) == 3 for entrant in entrants for values in entrant.rounds.values())
    assert all(QUERIES[0] <= entrant.queries <= QUERIES[1] for entrant in entrants)


def test_more_work_is_seen() -> None:
    square = np.ones((300, 300))

    def much(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"y": square @ square @ square @ square}

    light, heavy = Entrant("light", lambda _: {}), Entrant("heavy", much)
    race([light, heavy], FEEDS, QUICK, "single-stream")
    assert max(light.rounds["p50_ms"]) < min(heavy.rounds["p50_ms"])
    assert min(light.rounds["throughput_per_s"]) > max(heavy.rounds["throughput_per_s"])
    assert max(light.rounds["cpu_s_per_1000"]) < min(heavy.rounds["cpu_s_per_1000"])


def test_one_that_fails_leaves_and_the_others_go_on() -> None:
    calls: list[int] = []

    def fails_late(feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        calls.append(1)
        if len(calls) > 12:
            raise MemoryError("too much")
        return {}

    bad, good = Entrant("bad", fails_late), Entrant("good", lambda _: {})
    race([bad, good], FEEDS, QUICK, "single-stream")
    assert bad.failure == "MemoryError: too much"
    assert len(calls) == 13
    assert not good.failure
    assert len(good.rounds["p50_ms"]) == 3


@pytest.mark.parametrize("rows", [1, 5, 900])
def test_a_library_holds_rows_from_everywhere(rows: int) -> None:
    library = Library.of({name: array[:rows] for name, array in FEEDS.items()})
    held = library.feeds["x"].ravel()
    assert len(library.singles) == len(held) == min(rows, LIBRARY)
    assert (held[0], held[-1]) == (0, rows - 1)
    assert len(np.unique(held)) == len(held)
    assert library.singles[-1]["x"].tolist() == [[held[-1]]]
    assert library.batch([0, 0, len(held) - 1])["x"].ravel().tolist() == [0, 0, held[-1]]


def test_the_harness_costs_something_and_little() -> None:
    assert 0 < overhead_ms(lambda _: {}, FEEDS) < 1


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_cpu_seconds_are_those_of_the_scenario() -> None:
    """What a call costs by itself decides where rows come alone, what a row costs where they come together."""
    dear_calls = Entrant("calls", lambda _: busy(2e-3) or {})
    dear_rows = Entrant("rows", lambda feeds: busy(1e-4 * len(feeds["x"])) or {})
    found = {}
    for scenario in ("single-stream", "offline"):
        for entrant in (dear_calls, dear_rows):
            entrant.rounds.clear()
        race([dear_calls, dear_rows], FEEDS, QUICK, scenario)
        found[scenario] = [np.median(entrant.rounds["cpu_s_per_1000"]) for entrant in (dear_calls, dear_rows)]
    assert found["single-stream"][0] > 2 > found["single-stream"][1]
    assert found["offline"][0] < 0.05 < found["offline"][1]


def test_a_p99_has_the_queries_that_it_needs() -> None:
    asked: list[int] = []
    slow = Entrant("slow", lambda feeds: asked.append(len(feeds["x"])) or busy(1e-3) or {})
    race([slow], FEEDS, QUICK, "single-stream")
    assert slow.queries == QUERIES[0] >= 99
    assert asked.count(1) >= 3 * QUERIES[0]
