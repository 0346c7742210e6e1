"""Batch prediction: a file of rows in, the rows with their predictions out, a chunk at a time."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from serving.package import Package
from serving.prediction import Answered, answer, features, output_names, written
from serving.rows import chunks
from tasks.deployment.streams import CHUNK, PIPE, Format, Table, format_of, reading, writing
from tasks.errors import DataError
from tasks.records import Record


class Predicted(Record):
    """What came of a batch: how many rows, how many of them could not be read, and the first such."""

    rows: int
    rejected: int
    example: str = ""


def predict(package: Package, source: Path, output: Path = PIPE, *, source_format: Format | None = None,
            output_format: Format | None = None, seen: Callable[[Answered], None] = lambda _: None) -> Predicted:
    """Answer every row of a file and write each with its answer; `seen` is shown each chunk.

    "-" is standard input or output. A row that cannot be read is written too, with the reason as its `error`. Raises
    DataError for a file that is no table, or lacks a column that the model reads.
    """
    kind = source_format or format_of(source)
    done = Predicted(rows=0, rejected=0)
    with reading(source, kind, features(package.schema)) as table:
        _refuse_absent(package, table, source)
        names = output_names(package, table.names)
        with writing(output, output_format or _output_format(output, kind), table, names) as write:
            for chunk in chunks(table.rows, CHUNK):
                answered = answer(package, chunk)
                write(list(written(package, answered, names)))
                seen(answered)
                done = _and(done, answered)
    return done


def _and(before: Predicted, answered: Answered) -> Predicted:
    faulty = [f"row {before.rows + place}: {row.error}" for place, row in enumerate(answered.rows) if row.error]
    return Predicted(rows=before.rows + len(answered.rows), rejected=before.rejected + len(faulty),
                     example=before.example or "".join(faulty[:1]))


def _output_format(output: Path, kind: Format) -> Format:
    return format_of(output, default="csv" if kind == "csv" else "json")


def _refuse_absent(package: Package, table: Table, source: Path) -> None:
    if not table.fixed or (package.schema["input"] == "image" and "image" in table.names):
        return
    if absent := [name for name in features(package.schema) if not _leads_to(table.names, name)]:
        near = difflib.get_close_matches(absent[0], table.names, n=1)
        hint = f" Did you mean {near[0]!r} for {absent[0]!r}?" if near else ""
        raise DataError(f"{source} has no column {', '.join(absent[:5])}; it has {', '.join(table.names[:20])}.{hint}")


def _leads_to(names: Sequence[str], name: str) -> bool:
    """Whether a column is there, or may be within one that holds objects."""
    return name in names or any(name.startswith(f"{outer}.") for outer in names)
