"""Work in a process of its own gives the same again, says what went wrong, and never outlives its caller."""

import os
import threading
import time
from pathlib import Path

import pytest

from tasks.errors import TrainingError
from tasks.processes import CHILDREN, ChildFailed, cool_down, run_apart, stop_all


def draw() -> tuple[float, int, int]:
    import torch

    return float(torch.rand(1)), torch.get_num_threads(), os.getpid()


def refuse() -> None:
    raise TrainingError("no model")


def odd() -> None:
    class Unportable(Exception):
        pass

    raise Unportable("strange")


def die() -> None:
    os.kill(os.getpid(), 9)


def linger(where: str) -> None:
    Path(where).write_text(str(os.getpid()))
    time.sleep(60)


def test_the_same_seed_draws_the_same_in_a_process_of_its_own() -> None:
    first, again, other = run_apart(draw, seed=3), run_apart(draw, seed=3), run_apart(draw, seed=4, threads=2)
    assert first[0] == again[0] != other[0]
    assert (first[1], other[1]) == (1, 2)
    assert len({first[2], again[2], os.getpid()}) == 3


def test_an_error_of_ours_comes_back_as_itself_with_its_place() -> None:
    with pytest.raises(TrainingError, match="no model") as refused:
        run_apart(refuse)
    assert "in a child process" in "".join(refused.value.__notes__)


def test_an_error_that_cannot_travel_comes_back_in_words() -> None:
    with pytest.raises(ChildFailed, match="Unportable: strange"):
        run_apart(odd)


def test_a_killed_child_is_said() -> None:
    with pytest.raises(ChildFailed, match="exit code -9"):
        run_apart(die)


def test_stopping_ends_the_children_at_work(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            run_apart(linger, str(tmp_path / "pid"))
        except ChildFailed as problem:
            failures.append(problem)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while waiting.is_alive() and not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        time.sleep(0.02)
    stop_all()
    waiting.join(timeout=20)
    assert not waiting.is_alive()
    assert failures
    assert not CHILDREN
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def fork_server() -> int:
    return os.getppid()


def test_cooling_down_ends_the_fork_server_and_the_next_child_has_a_new_one() -> None:
    first = run_apart(fork_server)
    assert run_apart(fork_server) == first
    cool_down()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert run_apart(fork_server) != first
