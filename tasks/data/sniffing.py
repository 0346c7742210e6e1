"""How a file of rows is written: delimiter, decimal sign, encoding and what stands for a missing value, by its head."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tasks.data.sources._base import opened
from tasks.data.sources.file import MISSING, PACKED, SUFFIXES, WHITE, File

HEAD_BYTES = 128_000  # the library that cuts fields refuses one that is longer than this
LINES = 500
DELIMITERS = (",", ";", "\t", "|")
UNKNOWN = "?"
WITH_COMMA, WITH_POINT = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d+\.\d+")


def sniffed(path: str, *, delimiter: str | None = None, names: Sequence[str] = ()) -> File:
    """The source that reads a file; of its options only those that must differ from their defaults are set.

    delimiter: where it is known; names: of the columns, for a file without a header. Raises DataError where the file
    cannot be opened.
    """
    named = {"names": tuple(names), "header": False} if names else {}
    told = File.model_validate({"kind": "file", "path": path, "delimiter": delimiter, **named})
    if format_of(path) != "csv":
        return told
    head = _head(path)
    encoding = _encoding(head)
    lines = (_decoded(head, encoding) or "").splitlines()[:LINES]
    found = delimiter or _delimiter(lines)
    fields = [field.strip() for row in _cut(lines, found) for field in row]
    usual = "\t" if ".tsv" in path.lower() else ","
    options = {"delimiter": found if found != usual else None, "encoding": encoding,
               "decimal": _decimal(fields) if found != "," else ".",
               "missing": (*MISSING, UNKNOWN) if UNKNOWN in fields else MISSING}
    return told.model_copy(update=options)


def format_of(path: str) -> str:
    """The format that a file's name tells; empty where it tells none."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() not in PACKED]
    return SUFFIXES.get(suffixes[-1], "") if suffixes else ""


def _head(path: str) -> bytes:
    with opened(path, "csv") as file:
        return file.read(HEAD_BYTES)


def _encoding(head: bytes) -> str:
    """UTF-16 by its mark, UTF-8 where that fits, else what Windows writes in Western Europe.

    >>> _encoding("a,b".encode("utf-16")), _encoding("ü".encode()), _encoding("ü".encode("latin-1"))
    ('utf-16', 'utf-8', 'cp1252')
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8" if _decoded(head, "utf-8") is not None else "cp1252"


def _decoded(head: bytes, encoding: str) -> str | None:
    """The head as text, but for a character that its end cuts in two; None where it is in another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that cuts most lines into the same number of fields, and into the most of them.

    >>> _delimiter(["a;b;c", "1,5;2,5;3", "4;5,5;6"])
    ';'
    """
    return max(DELIMITERS, key=lambda sign: (_evenness(lines, sign), -DELIMITERS.index(sign)))


def _cut(lines: Sequence[str], sign: str) -> Iterable[list[str]]:
    return (line.split() for line in lines) if sign == WHITE else csv.reader(lines, delimiter=sign)


def _evenness(lines: Sequence[str], sign: str) -> tuple[float, int]:
    widths = Counter(len(row) for row in csv.reader(lines, delimiter=sign) if row)
    width, often = widths.most_common(1)[0] if widths else (1, 0)
    return (round(often / widths.total(), 2), width) if width > 1 else (0.0, 1)


def _decimal(fields: Sequence[str]) -> str:
    commas = sum(bool(WITH_COMMA.fullmatch(field)) for field in fields)
    return "," if commas and not any(WITH_POINT.fullmatch(field) for field in fields) else "."
