"""What a person sees while a run works: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    working: list[str] = field(default_factory=list)

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

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "progress", None)
        if facts and facts.get("step") not in QUIET_STEPS:
            self.hear(facts)

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
            stage.working.append(facts["name"])
            return
        if facts["name"] in stage.working:
            stage.working.remove(facts["name"])
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
        return Text(f"{mark} {name}", style), Text(count), Text(took, "dim"), Text(", ".join(stage.working), "cyan")

    def _next(self) -> str:
        later = [name for name, stage in self.stages.items() if not stage.begun]
        return f"next: {later[0]}" if later else "almost done"


class Lines(Progress):
    """A line for each thing that ends, for logs and pipes."""

    def hear(self, facts: dict[str, Any]) -> None:
        super().hear(facts)
        line = self._line(facts)
        if line:
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
        if isinstance(watcher, Board):
            with Live(watcher, console=console, refresh_per_second=8, transient=False):
                yield
        else:
            yield
    finally:
        PROGRESS.removeHandler(watcher)
