"""Rows from text, one after the other: CSV and JSON of any length in little memory; a faulty row keeps the reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TextIO, TypeVar

from serving.inputs import InputError

DELIMITERS = (",", ";", "\t", "|")
SEPARATORS = " \t\r\n,"
BLOCK = 1 << 16
ABSENT = object()
Item = TypeVar("Item")


@dataclass(frozen=True)
class Row:
    """One row by column, as it was read; `error` says why it cannot be answered, where it cannot."""

    values: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """The same items in lists of at most `size`.

    >>> list(chunks(iter("abc"), 2))
    [['a', 'b'], ['c']]
    """
    while chunk := list(islice(items, size)):
        yield chunk


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """An object's values by column, those of objects in it by a path of names.

    >>> flat({"age": 4, "home": {"city": "Bern", "at": {"lat": 46.9}}, "empty": {}})
    {'age': 4, 'home.city': 'Bern', 'home.at.lat': 46.9}
    """
    if not any(isinstance(value, dict) for value in values.values()):
        return values
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": deeper for inner, deeper in flat(value).items()})
        else:
            found[name] = value
    return found


def within(values: Mapping[str, Any], name: str) -> Any:
    """The value of a column: by its own name, else by a path into objects; ABSENT where there is neither.

    >>> within({"home": {"city": "Bern"}}, "home.city"), within({"home.city": "Chur"}, "home.city")
    ('Bern', 'Chur')
    """
    if name in values:
        return values[name]
    first, _, rest = name.partition(".")
    while rest:
        if first in values:  # an object that is not there has no parts
            return None if values[first] is None else _inner(values[first], rest)
        more, _, rest = rest.partition(".")
        first = f"{first}.{more}"
    return ABSENT


def _inner(value: Any, name: str) -> Any:
    return within(value, name) if isinstance(value, dict) else ABSENT


def csv_rows(stream: TextIO, wanted: Collection[str]) -> tuple[list[str], Iterator[Row]]:
    """The names in a CSV's first line, and its rows. The delimiter is the one that shows most of the wanted columns.

    Raises InputError for a file without a header and for a name that is there twice.
    """
    first = stream.readline()
    if not first.strip():
        raise InputError("there is no first line with the names of the columns.")
    delimiter = max(DELIMITERS, key=lambda one: len(set(_cells(first, one)) & set(wanted)))
    names = _cells(first, delimiter)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"the first line names {twice} more than once; give each column a name of its own.")
    return names, _csv_rows(stream, names, delimiter)


def json_rows(stream: TextIO) -> Iterator[Row]:
    """The rows of JSON lines (an object a line), or of one JSON array of objects."""
    start = stream.readline()
    while start and not start.strip():
        start = stream.readline()
    if start.lstrip().startswith("["):
        return (_json_row(value) for value in _array(stream, start.lstrip()[1:]))
    return _json_lines(stream, start)


def _cells(line: str, delimiter: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]


def _csv_rows(stream: TextIO, names: list[str], delimiter: str) -> Iterator[Row]:
    reader = csv.reader(stream, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            yield Row(error=f"is no line of a CSV: {problem}")
            continue
        if cells:
            yield _csv_row(names, cells)


def _csv_row(names: list[str], cells: list[str]) -> Row:
    values: dict[str, Any] = dict(zip(names, cells, strict=False))
    if len(cells) != len(names):
        return Row(values, f"has {len(cells)} values; the first line names {len(names)} columns")
    return Row(values)


def _json_lines(stream: TextIO, line: str) -> Iterator[Row]:
    while line:
        if line.strip():
            try:
                yield _json_row(json.loads(line))
            except (ValueError, RecursionError) as problem:
                yield Row(error=f"is no JSON: {problem}")
        line = stream.readline()


def _json_row(value: Any) -> Row:
    if isinstance(value, dict):
        return Row(value)
    return Row(error=f"is {json.dumps(value)[:40]}; an object of column names and values is needed")


def _array(stream: TextIO, text: str) -> Iterator[Any]:
    """The members of an array whose opening bracket was read. Raises InputError where it breaks off."""
    ended = False
    while not (text := text.lstrip(SEPARATORS)).startswith("]"):
        if (found := _member(text, ended=ended)) is not None:
            value, end = found
            yield value
            text = text[end:]
        elif ended:
            raise InputError(f"the JSON array breaks off or is faulty near {text[:40]!r}.")
        else:
            block = stream.read(max(BLOCK, len(text)))  # doubling: a long member is not parsed over and over
            text, ended = text + block, not block
    if rest := (text[1:] + stream.read(BLOCK)).strip():
        raise InputError(f"after the JSON array stands {rest[:40]!r}: write one array, or an object a line.")


def _member(text: str, *, ended: bool) -> tuple[Any, int] | None:
    """The value at the start of a text and where it ends; None where the text does not hold all of it."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None
    except RecursionError:
        raise InputError(f"the JSON array holds {text[:20]!r}…, which is nested too deeply.") from None
    return (value, end) if ended or end < len(text) else None  # a number may go on in the next block
