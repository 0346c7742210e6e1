"""LoadGen asks as it should, and what goes wrong in an answer comes out as an error."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.deployment.loadgen import drive


def test_single_stream_asks_one_row_after_the_other() -> None:
    asked: list[list[int]] = []
    drive("single-stream", asked.append, samples=50, rows=7, seed=1)
    assert len(asked) == 50
    assert all(len(rows) == 1 and 0 <= rows[0] < 7 for rows in asked)
    assert len({rows[0] for rows in asked}) > 1


def test_offline_asks_all_at_once() -> None:
    asked: list[list[int]] = []
    drive("offline", asked.append, samples=500, rows=7, seed=1)
    assert [len(rows) for rows in asked] == [500]
    assert set(asked[0]) == set(range(7))


def test_the_seed_decides_which_rows() -> None:
    runs: list[list[int]] = []
    for seed in (1, 1, 2):
        asked: list[int] = []
        drive("single-stream", asked.extend, samples=50, rows=1000, seed=seed)
        runs.append(asked)
    assert runs[0] == runs[1] != runs[2]


def test_its_own_median_holds_the_answer() -> None:
    assert drive("single-stream", lambda _: time.sleep(0.003), samples=9, rows=3, seed=1) >= 3.0


def test_what_an_answer_raises_is_raised_and_no_more_is_asked() -> None:
    asked: list[list[int]] = []

    def answer(rows: list[int]) -> None:
        asked.append(rows)
        raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError, match="no"):
        drive("single-stream", answer, samples=20, rows=3, seed=1)
    assert len(asked) == 1


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    drive("single-stream", lambda _: None, samples=5, rows=3, seed=1)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""
