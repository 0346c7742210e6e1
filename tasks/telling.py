"""What a run says while it works: structured log records, heard by the display, by Prefect and by whoever listens."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

PROGRESS = logging.getLogger("farrier.progress")


def say(event: str, name: str, **facts: object) -> None:
    """Announce that something began, ended or is waited for."""
    PROGRESS.info("%s: %s", event, name, extra={"progress": {"event": event, "name": name, **facts}})


@contextmanager
def heard(*listeners: logging.Handler) -> Iterator[None]:
    """Let listeners hear what is said during a block; without any, what is said is not even put together."""
    level = PROGRESS.level
    PROGRESS.setLevel(logging.INFO)
    for listener in listeners:
        PROGRESS.addHandler(listener)
    try:
        yield
    finally:
        for listener in listeners:
            PROGRESS.removeHandler(listener)
        PROGRESS.setLevel(level)
