"""What a person sees while a run works: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tasks.telling import PROGRESS

STAGES = ("data", "training", "optimization", "deployment")
QUIET_STEPS = ("record",)


@dataclass
class Stage:
    """How far one stage is."""

    name: str
    begun: float = 0.0
    ended: float = 0.0
    total: int = 0
    done: int = 0
    reused: int = 0
    failed: int = 0
    working: dict[str, float] = field(default_factory=dict)  # since when

    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.begun if self.begun else 0.0


class Progress(logging.Handler):
    """Hears what the steps say and keeps the count."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.begun = time.monotonic()
        self.stages = {name: Stage(name) for name in STAGES}
        self.current = ""
        self.remark = "starting"
        self.telling = 0

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "progress", None)
        if facts and facts.get("step") in QUIET_STEPS:
            self.telling += 1 if facts["event"] == "started" else -1
        elif facts:
            self.hear(facts)

    def end(self, remark: str) -> None:
        """Note how it ended."""
        self.remark = remark

    def hear(self, facts: dict[str, Any]) -> None:
        """Take in one event."""
        if facts["event"] == "stage":
            self._enter(facts)
        elif facts["event"] in ("started", "finished", "failed"):
            self._count(facts)
        else:
            self.remark = facts["name"]

    def _enter(self, facts: dict[str, Any]) -> None:
        now = time.monotonic()
        if self.current:
            self.stages[self.current].ended = now
        self.current = facts["name"] if facts["name"] in self.stages else ""
        self.remark = "" if self.current else "writing the report"
        if self.current:
            stage = self.stages[self.current]
            stage.begun, stage.total = now, facts["steps"]

    def _count(self, facts: dict[str, Any]) -> None:
        stage = self.stages.get(self.current)
        if stage is None:
            return
        if facts["event"] == "started":
            stage.working[facts["name"]] = time.monotonic()
            return
        stage.working.pop(facts["name"], None)
        stage.done += facts["event"] == "finished"
        stage.failed += facts["event"] == "failed"
        stage.reused += bool(facts.get("reused"))


class Board(Progress):
    """The live table."""

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, stage in self.stages.items():
            table.add_row(*self._row(name, stage))
        elapsed = f"{time.monotonic() - self.begun:5.0f} s"
        table.add_row(Text(elapsed, "dim"), Text(self.remark or self._next(), "dim"), "", "")
        return table

    def _row(self, name: str, stage: Stage) -> tuple[Text, ...]:
        mark, style = ("✓", "green") if stage.ended else ("▸", "bold") if stage.begun else ("·", "dim")
        count = f"{stage.done}/{max(stage.total, stage.done)}" if stage.begun else ""
        count += f" ({stage.reused} reused)" if stage.reused else ""
        took = f"{stage.seconds():.0f} s" if stage.begun else ""
        now = time.monotonic()
        working = ", ".join(f"{step} {now - begun:.0f} s" for step, begun in stage.working.items())
        return Text(f"{mark} {name}", style), Text(count), Text(took, "dim"), Text(working, "cyan")

    def _next(self) -> str:
        """What is waited for where no row says it; else what follows."""
        if self.telling > 0 and not any(stage.working for stage in self.stages.values()):
            return "telling MLflow what was made"
        later = [name for name, stage in self.stages.items() if not stage.begun]
        return f"next: {later[0]}" if later else "next: the report, then the servers stop"


class Lines(Progress):
    """A line for each thing that ends, for logs and pipes."""

    def end(self, remark: str) -> None:
        super().end(remark)
        self._print(remark)

    def hear(self, facts: dict[str, Any]) -> None:
        super().hear(facts)
        line = self._line(facts)
        if line:
            self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(f"{time.monotonic() - self.begun:6.1f} s  {line}", markup=False, highlight=False,
                           soft_wrap=True)

    def _line(self, facts: dict[str, Any]) -> str:
        event, name = facts["event"], facts["name"]
        if event == "stage":
            return f"{name}: {facts['steps']} steps" if name in self.stages else ""
        if event == "finished":
            return f"  {name}: " + ("reused" if facts.get("reused") else f"done in {facts['seconds']:.1f} s")
        if event == "failed":
            return f"  {name}: failed"
        return "" if event == "started" else f"{event}: {name}"


@contextmanager
def watching() -> Iterator[None]:
    """Show progress on standard error for the length of a block: standard output is the result's alone."""
    console = Console(stderr=True)
    watcher = Board(console) if console.is_terminal else Lines(Console(stderr=True, width=200))
    PROGRESS.addHandler(watcher)
    PROGRESS.setLevel(logging.INFO)
    PROGRESS.propagate = False
    try:
        live = Live(watcher, console=console, refresh_per_second=8) if isinstance(watcher, Board) else nullcontext()
        with live, _ended(watcher):
            yield
    finally:
        PROGRESS.removeHandler(watcher)


@contextmanager
def _ended(watcher: Progress) -> Iterator[None]:
    """Note how the block ended, before the table is drawn for the last time."""
    try:
        yield
    except BaseException as problem:
        watcher.end("stopped" if isinstance(problem, KeyboardInterrupt) else "failed")
        raise
    watcher.end("done")
