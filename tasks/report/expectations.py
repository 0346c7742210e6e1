"""Reads what validation wrote down into rows for a table: the suite's expectations and what the schema found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tasks.records import Json
from tasks.report import words

MEASURES = ("column", "column_A", "column_B", "column_list")


class Expected(NamedTuple):
    """One expectation, the column that it is about, whether it holds, and the rows against it."""

    name: str
    column: str
    holds: bool
    against: str


def read(results: Json) -> list[Expected]:
    """Every expectation in the results, those that do not hold first.

    >>> read({"suite": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "age", "mostly": 0.9},
    ...       "success": False, "unexpected_count": 2}], "schema": []})
    [Expected(name='column values to not be null (mostly 0.9)', column='age', holds=False, against='2')]
    """
    found = results if isinstance(results, dict) else {}
    rows = [*map(_expected, _records(found.get("suite"))), *map(_checked, _records(found.get("schema")))]
    return sorted(rows, key=lambda row: (row.holds, row.column, row.name))


def _records(value: Json) -> Iterator[dict[str, Json]]:
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _expected(result: dict[str, Json]) -> Expected:
    """A result of the suite: its type, arguments, success and counts."""
    arguments = result.get("kwargs")
    given = arguments if isinstance(arguments, dict) else {}
    limits = ", ".join(f"{name} {value}" for name, value in given.items() if name not in MEASURES)
    about = ", ".join(str(given[name]) for name in MEASURES if name in given)
    name = str(result.get("type", "expectation")).removeprefix("expect_").replace("_", " ")
    return Expected(name=f"{name} ({limits})" if limits else name, column=about or "the table",
                    holds=result.get("success") is True, against=_count(result.get("unexpected_count")))


def _checked(finding: dict[str, Json]) -> Expected:
    """A finding of the schema's own: rows that break what a column is declared to be."""
    return Expected(name=f"{finding.get('check')}, as in {finding.get('example')}", column=str(finding.get("column")),
                    holds=False, against=_count(finding.get("rows")))


def _count(value: Json) -> str:
    return f"{value:,}" if isinstance(value, int) else words.NOTHING
