"""What a release was asked and what it answered: Parquet parts under FARRIER_HOME/state/log/PROJECT/TARGET.

A part is written whole or not at all, and never changed afterwards, so many processes may log at once. Its name begins
with the time it was written: a window reads only the parts that can hold rows of it.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.records import Release
from tasks.store import home, whole_or_nothing

STAMP = "%Y%m%dT%H%M%S.%fZ"
AT, VERSION, PACKAGE = "at", "version", "package"
MARK = "farrier_"  # before our own columns, so that none of the user's is overwritten


def append(release: Release, rows: pd.DataFrame, *, at: datetime | None = None) -> Path:
    """Keep rows with their answers, as asked of a release now: one part, which this returns."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    marked = rows.copy()
    marked[MARK + AT] = pd.Timestamp(moment)
    marked[MARK + VERSION] = release.version
    marked[MARK + PACKAGE] = release.package.sha256
    part = _folder(release.project, release.target) / (
        f"{moment.strftime(STAMP)}-{os.getpid()}-{secrets.token_hex(4)}.parquet")
    with whole_or_nothing(part) as partial:
        pq.write_table(pa.Table.from_pandas(marked, preserve_index=False), partial)
    return part


def window(project: str, target: str, since: datetime | None = None, *, rows: int | None = None) -> pd.DataFrame:
    """The logged rows of a target since a moment, oldest first; the latest `rows` of them where a number is given."""
    found: list[pd.DataFrame] = []
    for part in reversed(parts(project, target, since)):
        found.append(pq.read_table(part).to_pandas())
        if rows is not None and sum(map(len, found)) >= rows:
            break
    if not found:
        return pd.DataFrame()
    joined = pd.concat(found[::-1], ignore_index=True)
    return joined if rows is None else joined.tail(rows).reset_index(drop=True)


def parts(project: str, target: str, since: datetime | None = None) -> list[Path]:
    """The parts written since a moment, oldest first."""
    first = since.astimezone(UTC).strftime(STAMP) if since else ""
    return sorted(part for part in _folder(project, target).glob("*.parquet")
                  if not part.name.startswith(".") and part.name >= first)


def _folder(project: str, target: str) -> Path:
    return home() / "state" / "log" / project / target
