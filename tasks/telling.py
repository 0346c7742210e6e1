"""What a run says while it works: structured log records, heard by the display, by Prefect and by whoever listens."""

from __future__ import annotations

import logging

PROGRESS = logging.getLogger("farrier.progress")


def say(event: str, name: str, **facts: object) -> None:
    """Announce that something began, ended or is waited for."""
    PROGRESS.info("%s: %s", event, name, extra={"progress": {"event": event, "name": name, **facts}})
