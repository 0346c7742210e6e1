"""What a run came to, as a person reads it: in the terminal, in MLflow."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from farrier.outcome import show
from flows.chronicle import Outcome
from flows.deployment import Deployed
from flows.recording import release_refused
from flows.run import Run, Summary
from tasks.deployment.releasing import release
from tasks.records import Budgets, Refusal
from tasks.report.story import TargetStory
from tasks.store import Store

NOON = "2026-02-28T12:00:00+00:00"
WAY_OUT = "v1 was rolled back. If it should serve: farrier releases rollback shop"


@pytest.fixture
def told(pack_one: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What is printed of a run that released the package of this test, or found it serving."""
    def tell(*, served_since: str = "", refusal: str = "", waited_s: float | None = None) -> str:
        packed = pack_one()
        made = release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())
        refused = Refusal(target="cpu-tiny", nearest="keep", misses=(), reason=refusal) if refusal else None
        facts = {"budgets": Budgets(), "scenario": "single-stream", "threads": 1}
        stories = [TargetStory(name="cpu-server", measurements=(packed.measurement,), release=made,
                               served_since=served_since, **facts),
                   *([TargetStory(name="cpu-tiny", measurements=(), refusal=refused, **facts)] if refused else [])]
        summary = Summary(key="k", project="shop", status="unchanged" if served_since else "released",
                          started="2026-03-01T12:00:00+00:00", seconds=60.0, made=1, reused=2,
                          releases=(made,), refusals=(refused,) if refused else ())
        show(Outcome(summary=summary, deployed=tuple(Deployed(story=story) for story in stories)), json=False,
             waited_s=waited_s)
        return capsys.readouterr().out
    return tell


def test_a_release_is_told_as_released(told: Callable[..., str]) -> None:
    out = told()
    assert "released v1, linear-keep. Passed" in out
    assert "shop: released in 60 s; 1 result made, 2 reused" in out


def test_what_served_before_is_told_as_unchanged_since_then(told: Callable[..., str]) -> None:
    out = told(served_since=NOON)
    assert "unchanged: v1 serves since 2026-02-28 12:00:00 UTC, linear-keep. Passed" in out
    assert "shop: nothing changed in 60 s" in out


def test_a_refusal_changes_nothing_and_its_way_out_works_as_printed(told: Callable[..., str]) -> None:
    out = told(served_since=NOON, refusal=WAY_OUT)
    assert "unchanged: v1" in out
    assert "nothing released: v1 was rolled back. If it should serve: .venv/bin/farrier releases rollback shop" in out
    assert "shop: nothing changed in" in out


def test_the_seconds_are_those_that_were_waited(told: Callable[..., str]) -> None:
    assert "in 84 s (24 s of them for the servers to start and stop);" in told(waited_s=84.2)


def test_the_table_says_which_rows_and_what_kind_of_calls_its_numbers_are_of(told: Callable[..., str]) -> None:
    lines = told().splitlines()
    place = next(place for place, line in enumerate(lines) if "candidate" in line)
    assert lines[place - 1].split()[-1] == "rows/s,"
    assert lines[place].split()[:5] == ["candidate", "validation", "p50", "p99", "batched"]


def test_mlflow_is_told_of_commands_as_they_are_called() -> None:
    entry = release_refused(Run(key="k", project="shop"), "cpu-tiny", WAY_OUT)
    assert entry.tags["farrier.reason"] == WAY_OUT.replace(": farrier", ": .venv/bin/farrier")


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_verdict_is_read_in_any_terminal(width: int, told: Callable[..., str], monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal that is not wide enough has the verdicts under the table, and no line of it is cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", told()).splitlines()
    assert any("linear-keep" in line and line.rstrip().endswith("released v1") for line in lines)
    row = next(line for line in lines if "µs" in line or " ms" in line)
    assert len(row.rstrip()) <= width
    assert "…" not in row
