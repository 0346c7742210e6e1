"""What a release was asked and what it answered: Parquet parts under FARRIER_HOME/state/log/PROJECT/TARGET.

A part is written whole or not at all, and never changed afterwards, so many processes may log at once. Its name begins
with the time it was written: a window reads only the parts that can hold rows of it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks.records import Release
from tasks.store import finished, home, whole_or_nothing

STAMP = "%Y%m%dT%H%M%S.%fZ"
Array = NDArray[Any]
Arrays = Mapping[str, Array]
MARK = "farrier_"  # before our own columns, so that none of the user's is overwritten


def append(release: Release, inputs: Arrays, answers: Arrays, classes: Sequence[str] = (), *,
           at: datetime | None = None) -> Path | None:
    """Keep feeds and the answers to them, as asked of a release now: one part, which this returns; no rows, no part.

    Features become columns as models read them, so that a window can be compared with a profile as it is.
    """
    columns = {**_asked(inputs), **_answered(answers, classes)}
    if not columns:
        return None
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    rows = pd.DataFrame(columns)
    rows[MARK + "at"] = pd.Timestamp(moment)
    rows[MARK + "version"] = release.version
    rows[MARK + "package"] = release.package.sha256
    part = _folder(release.project, release.target) / (
        f"{moment.strftime(STAMP)}-{os.getpid()}-{secrets.token_hex(4)}.parquet")
    with whole_or_nothing(part) as partial:
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), partial)
    return part


def _asked(inputs: Arrays) -> dict[str, Array]:
    """Each feature as a flat column; an image becomes its pixels, row by row."""
    if (image := inputs.get("image")) is not None and image.ndim == 3:
        return {f"pixel_{r}_{c}": image[:, r, c] for r in range(image.shape[1]) for c in range(image.shape[2])}
    return {name: array.ravel() for name, array in inputs.items()}


def _answered(answers: Arrays, classes: Sequence[str]) -> dict[str, Array]:
    shares = {f"{MARK}probability_{name}": answers["probabilities"][:, place] for place, name in enumerate(classes)
              if "probabilities" in answers}
    return {MARK + name: answers[name].ravel() for name in ("label", "prediction") if name in answers} | shares


def window(project: str, target: str, since: datetime | None = None, *, rows: int | None = None,
           version: int | None = None) -> pd.DataFrame:
    """The logged rows of a target since a moment, oldest first; the latest `rows` of them where a number is given.

    version: of the release that answered them; all of them where none is given.
    """
    found: list[pd.DataFrame] = []
    for part in reversed(parts(project, target, since)):
        asked = pq.read_table(part).to_pandas()
        found.append(asked if version is None else asked[asked[MARK + "version"] == version])
        if rows is not None and sum(map(len, found)) >= rows:
            break
    if not found:
        return pd.DataFrame()
    joined = pd.concat(found[::-1], ignore_index=True)
    return joined if rows is None else joined.tail(rows).reset_index(drop=True)


def parts(project: str, target: str, since: datetime | None = None) -> list[Path]:
    """The parts written since a moment, oldest first."""
    first = since.astimezone(UTC).strftime(STAMP) if since else ""
    return [part for part in finished(_folder(project, target), "*.parquet") if part.name >= first]


def _folder(project: str, target: str) -> Path:
    return home() / "state" / "log" / project / target
