"""Rows from and to files and pipes, a chunk at a time: CSV, JSON (lines or one array), Parquet; gzip by its suffix."""

from __future__ import annotations

import csv
import gzip
import json
import math
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from serving.inputs import InputError
from serving.rows import Row, csv_rows, json_rows
from tasks.errors import DataError
from tasks.store import whole_or_nothing

Format = Literal["csv", "json", "parquet"]
Write = Callable[[Sequence[Mapping[str, Any]]], None]
SUFFIXES: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "json",
                               ".ndjson": "json", ".parquet": "parquet", ".pq": "parquet"}
PIPE = Path("-")
CHUNK = 2048
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Table:
    """Rows to read. `fixed`: the names hold for every row; else they are those of the first rows."""

    names: Sequence[str]
    rows: Iterator[Row]
    fixed: bool
    types: pa.Schema | None = None


def format_of(path: Path, default: Format = "json") -> Format:
    """The format that a file's name tells. Raises DataError for one that tells none; a pipe has the default."""
    if path == PIPE:
        return default
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path.name}: its name does not tell the format; these do: {', '.join(SUFFIXES)}. "
                        f"Or say it: --format csv|json|parquet")
    return SUFFIXES[suffix]


@contextmanager
def reading(path: Path, kind: Format, wanted: Collection[str]) -> Iterator[Table]:
    """The rows of a file, or of standard input for "-". Raises DataError for what is no such file."""
    try:
        if kind == "parquet":
            yield _parquet_table(path)
        else:
            with nullcontext(sys.stdin) if path == PIPE else _opened(path) as stream:
                yield _csv_table(stream, wanted) if kind == "csv" else _json_table(stream)
    except InputError as problem:
        raise DataError(f"{path}: {problem}") from None
    except FileNotFoundError as problem:
        raise DataError(f"{problem.filename} is not there. Name a file of rows, or - for standard input.") from None
    except (PermissionError, IsADirectoryError) as problem:
        raise DataError(f"{problem.filename} cannot be opened: {problem.strerror}. Name another file.") from None
    except UnicodeDecodeError as problem:
        raise DataError(f"{path} is not UTF-8 text: {problem.reason} at byte {problem.start}. Convert it: "
                        f"iconv -t UTF-8") from None
    except (pa.ArrowInvalid, gzip.BadGzipFile, zlib.error, EOFError, RecursionError) as problem:
        raise DataError(f"{path} cannot be read as {kind}: {problem}. Say what it is: --format") from None


@contextmanager
def writing(path: Path, kind: Format, table: Table, own: Mapping[str, str]) -> Iterator[Write]:
    """Where rows with predictions go: a file that is there whole or not at all, or standard output for "-"."""
    if path == PIPE:
        yield _text_writer(sys.stdout, kind, [*table.names, *own.values()])
        return
    with whole_or_nothing(path) as partial:
        partial.chmod(0o644)
        if kind == "parquet":
            with _parquet_writer(partial, table, own) as write:
                yield write
        else:
            with partial.open("w", encoding="utf-8", newline="") as stream:
                yield _text_writer(stream, kind, [*table.names, *own.values()])


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_table(stream: TextIO, wanted: Collection[str]) -> Table:
    names, rows = csv_rows(stream, wanted)
    return Table(names, rows, fixed=True)


def _json_table(stream: TextIO) -> Table:
    rows = json_rows(stream)
    first = list(islice(rows, CHUNK))
    return Table(list(dict.fromkeys(name for row in first for name in row.values)), chain(first, rows), fixed=False)


def _parquet_table(path: Path) -> Table:
    if path == PIPE:
        raise DataError("Parquet cannot be read from a pipe: it is read from its end. Name a file.")
    file = pq.ParquetFile(path)
    rows = (Row(values) for batch in file.iter_batches(CHUNK) for values in batch.to_pylist())
    return Table(file.schema_arrow.names, rows, fixed=True, types=file.schema_arrow)


def _text_writer(stream: TextIO, kind: Format, columns: Sequence[str]) -> Write:
    if kind == "parquet":
        raise DataError("Parquet cannot be written to a pipe. Name a file: --output FILE.parquet")
    if kind == "json":
        return lambda rows: stream.writelines(_json_line(row) for row in rows)
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    return lambda rows: writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False, default=str) + "\n"


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> Any:
    """A value as a CSV holds it: a text that a spreadsheet would run as a formula is marked as a text.

    >>> _cell("=1+1"), _cell("-5"), _cell("- a note"), _cell([1])
    ("'=1+1", '-5', "'- a note", '[1]')
    """
    if isinstance(value, list | dict):
        return json.dumps(value, default=str)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextmanager
def _parquet_writer(path: Path, table: Table, own: Mapping[str, str]) -> Iterator[Write]:
    opened: list[pq.ParquetWriter] = []

    def write(rows: Sequence[Mapping[str, Any]]) -> None:
        if not opened:
            opened.append(pq.ParquetWriter(path, _types(rows, table, own)))
        try:
            opened[0].write_table(pa.Table.from_pylist(list(rows), schema=opened[0].schema))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as problem:
            raise DataError(f"a column changes its type on the way, which Parquet cannot hold: {problem}. "
                            f"Write JSON lines: --output FILE.jsonl") from None

    try:
        yield write
        if not opened:
            write([])
    finally:
        for writer in opened:
            writer.close()


def _types(rows: Sequence[Mapping[str, Any]], table: Table, own: Mapping[str, str]) -> pa.Schema:
    """The input's own types (of its first rows, where it has none), then text and numbers for what we add."""
    given = table.types or pa.Table.from_pylist([{n: row.get(n) for n in table.names} for row in rows]).schema
    fields = [pa.field(f.name, pa.string()) if pa.types.is_null(f.type) else f for f in given]
    added = [pa.field(name, pa.string() if ours in ("label", "error") else pa.float32()) for ours, name in own.items()]
    return pa.schema([*fields, *added])
