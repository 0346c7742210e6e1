"""Runs that a worker executes, followed from outside: what to say of them, and when."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from flows.scheduling import Taken

LONGEST = 200  # characters of what ended a run; all of it stands in `farrier runs` and in Prefect


class Journal:
    """A line for each run that a worker takes, and one for how it ended."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self.known: dict[UUID, bool] = {}

    def lines(self, runs: Sequence[Taken]) -> Iterator[str]:
        """What is new of these runs since the last time."""
        for run in runs:
            if run.id not in self.known:
                self.known[run.id] = False
                yield f"took the run {run.id} of {run.project} ({run.reason})"
            if run.ended and not self.known[run.id]:
                self.known[run.id] = True
                yield f"the run of {run.project} {_ending(run)}"


def _ending(run: Taken) -> str:
    why = f": {textwrap.shorten(run.message, LONGEST, placeholder=' …')}" if run.state != "completed" else ""
    return f"{run.state} after {run.seconds:.0f} s{why}"


class Steps:
    """The states and the stages that one run goes through, each once, with the seconds since it was asked for."""

    def __init__(self) -> None:
        self.state = "scheduled"  # what was just asked for is: that is no news
        self.stages = 0

    def lines(self, seconds: float, state: str, stages: Sequence[str]) -> Iterator[str]:
        """What is new."""
        if state != self.state:
            self.state = state
            yield f"{seconds:5.0f} s  {state}"
        yield from (f"{seconds:5.0f} s    {stage}" for stage in stages[self.stages:])
        self.stages = max(self.stages, len(stages))
