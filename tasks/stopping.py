"""How a command is stopped: Ctrl-C, a polite kill and a closed terminal mean the same; clean-up is not disturbed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.02


@contextmanager
def stoppable(first: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Each of the signals that stop calls `first` and raises KeyboardInterrupt in the block; the next ones are ignored.

    A signal that is ignored when the block begins, as nohup does with SIGHUP, stays ignored; SIGINT never does, since
    shells ignore it for whatever they start in the background.
    """
    def stop(number: int, frame: FrameType | None) -> None:
        if _in_import(frame):
            threading.Timer(AGAIN_S, signal.pthread_kill, [threading.main_thread().ident, number]).start()
            return
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # once is enough: what follows is clean-up
        first()
        raise KeyboardInterrupt

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # the one that signals reach
        before = {number: signal.getsignal(number) for number in STOPS
                  if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_import(frame: FrameType | None) -> bool:
    """Whether Python's import machinery is at work itself: it may leave its lock taken, and then no thread imports."""
    return frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")


@contextmanager
def undisturbed() -> Iterator[None]:
    """A block that is not stopped half-way: what arrives meanwhile is delivered at its end.

    The handlers wait, and no mask does: a mask holds one thread alone, and is born into all that the block starts.
    """
    arrived: list[int] = []
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in STOPS
                  if signal.getsignal(number) not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)


def deaf() -> None:
    """Hear no more of them: for a process that is on its way out."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
