"""What a worker says of the runs that it takes, and what whoever waits for one is told."""

from __future__ import annotations

from uuid import UUID

import pytest

from farrier.following import LONGEST, Journal, Steps
from flows.scheduling import Taken

RUN = Taken(id=UUID(int=7), project="digits", reason="new rows", state="running", ended=False, seconds=3.0)


def test_a_run_is_told_when_it_is_taken_and_when_it_ended_once_each() -> None:
    journal, done = Journal(), RUN.model_copy(update={"state": "completed", "ended": True, "seconds": 61.7})
    told = [list(journal.lines(runs)) for runs in ([], [RUN], [RUN], [done], [done])]
    assert told == [[], [f"took the run {RUN.id} of digits (new rows)"], [],
                    ["the run of digits completed after 62 s"], []]


def test_a_run_that_was_over_between_two_looks_is_told_whole() -> None:
    failed = RUN.model_copy(update={"state": "failed", "ended": True, "message": "NoRows: the file\nis empty. " * 50})
    took, ended = Journal().lines([failed])
    assert took.startswith("took the run")
    assert ended.startswith("the run of digits failed after 3 s: NoRows: the file is empty.")
    assert len(ended) < LONGEST + 60


@pytest.mark.parametrize(("asked", "said"), [
    ([(0, "scheduled", []), (1, "scheduled", [])], []),
    ([(4, "running", ["data"]), (9, "running", ["data", "training", "optimization"]), (30, "completed", [])],
     ["    4 s  running", "    4 s    data", "    9 s    training", "    9 s    optimization", "   30 s  completed"]),
])
def test_each_state_and_stage_is_told_once(asked: list[tuple[int, str, list[str]]], said: list[str]) -> None:
    steps = Steps()
    assert [line for one in asked for line in steps.lines(*one)] == said
