"""Where entries wait until MLflow has them: a file each, in a folder of their server's own, delivered oldest first.

An entry leaves when it was delivered, or when it never can be: then it lies in `refused/`, beside the reason.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter

from tasks.entries import Alias, Ending, Entry
from tasks.errors import StoreFull, TrackingRefused, TrackingUnavailable
from tasks.store import finished, home, room, whole_or_nothing
from tasks.telling import say

Posted = Entry | Alias | Ending
READER: TypeAdapter[Posted] = TypeAdapter(Posted)


class Outbox:
    """What waits for one server; a file SERVER in its folder says for which, as its address holds no password."""

    def __init__(self, folder: Path, server: str = "") -> None:
        self.folder = folder
        self._server = server
        self._kept: set[str] = set()

    @property
    def server(self) -> str:
        """The server's address; empty where nothing was ever kept for it."""
        named = self.folder / "SERVER"
        return self._server or (named.read_text(encoding="utf-8") if named.is_file() else "")

    def keep(self, entry: Posted) -> None:
        """Write an entry down: from here on it is not lost."""
        if self._server and not (named := self.folder / "SERVER").is_file():
            with whole_or_nothing(named) as partial:
                partial.write_text(self._server, encoding="utf-8")
        file = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.json"
        with whole_or_nothing(file) as partial:
            partial.write_text(entry.model_dump_json(), encoding="utf-8")
        self._kept.add(file.name)

    def waiting(self) -> list[Path]:
        """What waits, oldest first."""
        return finished(self.folder, "*.json")

    def refused(self) -> list[Path]:
        """What was put aside because MLflow never takes it."""
        return finished(self.folder / "refused", "*.json")

    def deliver(self, send: Callable[[Posted], None]) -> int:
        """Send what waits, until `send` raises TrackingUnavailable; returns how many entries still wait.

        What cannot be sent for any other reason is put aside, and what comes after it goes on. That is said, and an
        error (TrackingRefused) for whoever kept it here.
        """
        with FileLock(self.folder / ".lock"):
            left = self._send_each(send)
        aside = [file for file in self.refused() if file.name in self._kept]
        self._kept.difference_update(file.name for file in aside)
        if aside:
            raise TrackingRefused(f"MLflow does not take {aside[0]}: {_reason(aside[0])}. What came later was "
                                  f"delivered. Mend what it names and run again; the file may be removed.")
        return left

    def _send_each(self, send: Callable[[Posted], None]) -> int:
        waiting = self.waiting()
        for done, file in enumerate(waiting):
            try:
                with room(self.folder):
                    send(READER.validate_json(file.read_bytes()))
            except TrackingUnavailable:
                return len(waiting) - done
            except StoreFull:
                raise
            except Exception as problem:  # noqa: BLE001 whatever it is, the entries behind this one must not wait for it
                self._put_aside(file, f"{type(problem).__name__}: {problem}")
            else:
                file.unlink()
        return 0

    def _put_aside(self, file: Path, reason: str) -> None:
        place = self.folder / "refused" / file.name
        with whole_or_nothing(place.with_suffix(".txt")) as partial:
            partial.write_text(reason, encoding="utf-8")
        file.rename(place)
        say("refused", f"MLflow does not take {place}: {reason}")


def outboxes() -> list[Outbox]:
    """Every server's, of this home."""
    return [Outbox(folder) for folder in sorted((home() / "state" / "outbox").glob("*")) if folder.is_dir()]


def _reason(refused: Path) -> str:
    return refused.with_suffix(".txt").read_text(encoding="utf-8")
