"""The display counts what the steps say: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from rich.console import Console

from farrier.display import STAGES, Board, Lines, watching
from tasks.telling import PROGRESS, say


def tell(watcher: Board | Lines) -> None:
    PROGRESS.addHandler(watcher)
    PROGRESS.setLevel("INFO")
    try:
        say("preparing", "starting the servers")
        say("stage", "data", steps=2)
        for name, reused in (("collect", True), ("prepare", False)):
            say("started", name, step=name)
            say("finished", name, step=name, reused=reused, seconds=1.5)
        say("stage", "training", steps=3)
        say("started", "train cnn", step="train")
        say("started", "record", step="record")
        say("finished", "train mlp", step="train", reused=False, seconds=2.0)
        say("failed", "train forest", step="train", reused=False, seconds=2.0)
    finally:
        PROGRESS.removeHandler(watcher)


def test_lines_say_what_ended_and_how() -> None:
    console = Console(file=io.StringIO(), width=120)
    tell(Lines(console))
    lines = [line.partition(" s  ")[2] for line in console.file.getvalue().splitlines()]
    assert lines == ["preparing: starting the servers", "data: 2 steps", "  collect: reused",
                     "  prepare: done in 1.5 s", "training: 3 steps", "  train mlp: done in 2.0 s",
                     "  train forest: failed"]


def test_the_board_shows_each_stage_what_is_at_work_and_what_is_next() -> None:
    console = Console(file=io.StringIO(), width=120)
    board = Board(console)
    tell(board)
    console.print(board)
    shown = console.file.getvalue()
    assert "✓ data" in shown
    assert "2/2 (1 reused)" in shown
    assert "▸ training" in shown
    assert "1/3" in shown
    assert "train cnn" in shown
    assert "next: optimization" in shown
    assert "record" not in shown


def test_the_last_stage_says_what_is_waited_for_and_since_when() -> None:
    console = Console(file=io.StringIO(), width=160)
    board = Board(console)
    for stage in STAGES:
        board.hear({"event": "stage", "name": stage, "steps": 5})
    console.print(board)
    assert "next: the report, then the servers stop" in console.file.getvalue()
    PROGRESS.addHandler(board)
    PROGRESS.setLevel("INFO")
    try:
        say("started", "record", step="record")
        console.print(board)
        assert "telling MLflow what was made" in console.file.getvalue()
        say("finished", "record", step="record")
        say("started", "measure here", step="measure")
    finally:
        PROGRESS.removeHandler(board)
    board.stages["deployment"].working["measure here"] -= 41
    console.print(board)
    assert "measure here 41 s" in console.file.getvalue()
    assert board.telling == 0


@pytest.mark.parametrize(("problem", "said"), [(None, "done"), (KeyboardInterrupt, "stopped"), (ValueError, "failed")])
def test_the_last_line_says_how_it_ended(problem: type[BaseException] | None, said: str,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(KeyboardInterrupt, ValueError), watching():
        say("stopping", "stopping the Prefect server")
        if problem:
            raise problem
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" s  ")[2] for line in lines] == ["stopping: stopping the Prefect server", said]


def test_the_last_stage_is_over_when_the_report_is_written() -> None:
    console = Console(file=io.StringIO(), width=120)
    board = Board(console)
    board.hear({"event": "stage", "name": "deployment", "steps": 5})
    board.hear({"event": "stage", "name": "report", "steps": 0})
    console.print(board)
    assert "✓ deployment" in console.file.getvalue()


def test_progress_goes_to_standard_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with watching():
        say("stage", "data", steps=2)
    out, err = capsys.readouterr()
    assert (out, "data: 2 steps" in err) == ("", True)
