"""Reads the results of validation, as Great Expectations writes them, into rows for a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tasks.records import Json
from tasks.report import words


class Expected(NamedTuple):
    """One expectation and how it went."""

    name: str
    column: str
    holds: bool
    against: str


def read(results: Json) -> list[Expected]:
    """Every expectation in the results, those that do not hold first; an unknown shape gives none.

    >>> read({"results": [{"success": False, "result": {"unexpected_count": 2},
    ...       "expectation_config": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "age"}}}]})
    [Expected(name='column values to not be null', column='age', holds=False, against='2')]
    """
    return sorted((_expected(found) for found in _results(results)), key=lambda e: (e.holds, e.column, e.name))


def _results(value: Json) -> Iterator[dict[str, Json]]:
    if isinstance(value, dict) and isinstance(value.get("expectation_config"), dict):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _results(part)


def _expected(found: dict[str, Json]) -> Expected:
    config, result = _mapping(found.get("expectation_config")), _mapping(found.get("result"))
    kind = str(config.get("type") or config.get("expectation_type") or "expectation")
    column, count = _mapping(config.get("kwargs")).get("column"), result.get("unexpected_count")
    return Expected(name=kind.removeprefix("expect_").replace("_", " "), column=str(column or "the table"),
                    holds=found.get("success") is True, against=words.NOTHING if count is None else str(count))


def _mapping(value: Json | None) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
