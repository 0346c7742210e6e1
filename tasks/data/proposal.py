"""What may be expected, split and certified on rows that nobody described: a proposal, for a person to correct.

Everything that is proposed is true of the rows at hand, with room for those to come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
from pydantic import Field

from tasks.data.evidence import evidence, share
from tasks.data.looking import Wish, left_out, look
from tasks.data.preparation import load, prepare
from tasks.data.settings import ColumnSettings, DataSettings, Expectation
from tasks.data.sources import AnySource
from tasks.data.splitting import AnySplit
from tasks.data.tables import read
from tasks.errors import DataError
from tasks.records import Artifact, Column, Json, Leak, PreparedData, Record, Rows, Schema
from tasks.store import Store

WIDE = 100  # columns: beyond, a suite would take longer than it is worth and nobody would read it
LISTED = 20  # categories: more are not listed in an expectation
SEEN = 5  # times that each category must occur before there may be thought to be no others
FAR = 0.05  # a share from the one that was asked
FEW = 20  # times: a split by so few may leave a side empty
SLICED = 10  # categories: a column with more is not sliced


class ColumnNote(Record):
    """A column, what it is declared to hold, and why."""

    name: str
    declared: ColumnSettings
    evidence: str


class Part(Record):
    """Rows of one value of a column among the test rows."""

    value: str
    rows: int


class Proposal(Record):
    """A data stage for a file of rows, and what its rows say of the stages after it."""

    data: DataSettings
    data_schema: Schema
    rows: Rows
    target_evidence: str
    columns: tuple[ColumnNote, ...]
    ignored: dict[str, str]
    leaks: tuple[Leak, ...] = ()
    parts: dict[str, tuple[Part, ...]]
    uneven: str = Field("", description="how far a split by time lands from the shares that were asked, and why")


def propose(source: AnySource, wish: Wish, snapshot: Artifact, store: Store) -> Proposal:
    """Describe a snapshot, try the data stage on it, and propose what held.

    Raises DataError where no model could be trained on these rows.
    """
    raw = read(store.fetch(snapshot))
    looked = look(raw, source, wish)
    prepared = _tried(raw, looked, snapshot, wish, store)
    kept = pd.concat([load(part, store) for part in (prepared.train, prepared.validation, prepared.test)])
    schema = prepared.data_schema
    settings = looked.model_copy(update={"expectations": tuple(expectations(kept, schema, len(raw), wish.time))})
    return Proposal(
        data=settings, data_schema=schema, rows=prepared.rows, target_evidence=_of_target(raw, schema),
        columns=tuple(_note(raw, name, declared) for name, declared in settings.columns.items()),
        ignored=left_out(raw, wish), parts=_parts(load(prepared.test, store), schema),
        leaks=prepared.leaks,
        uneven=uneven(prepared.rows, settings.split, raw[wish.time].nunique()) if wish.time else "")


def _tried(raw: pd.DataFrame, looked: DataSettings, snapshot: Artifact, wish: Wish, store: Store) -> PreparedData:
    """The data stage on these rows; where a split by few times leaves a side empty, its refusal says that too."""
    try:
        return prepare(snapshot, looked, store)
    except DataError as problem:
        if not wish.time or (moments := raw[wish.time].nunique()) > FEW:
            raise
        raise DataError(f"{problem} Rows of one time stay together, and {wish.time!r} holds {moments} times: name a "
                        f"finer --time.") from None


def uneven(rows: Rows, split: AnySplit, moments: int) -> str:
    """How far a split by time lands from the shares that were asked, and why; empty where it is near them.

    moments: how many distinct times there are. Rows of one time stay together, so few of them make large steps.
    """
    kept = rows.total - rows.quarantine
    asked = {"train": 1 - split.validation - split.test, "validation": split.validation, "test": split.test}
    given = {"train": rows.train / kept, "validation": rows.validation / kept, "test": rows.test / kept}
    if all(abs(given[side] - part) <= FAR for side, part in asked.items()):
        return ""
    told = ", ".join(f"{share(given[side])} {side} (asked: {share(part)})" for side, part in asked.items())
    return (f"the split lands at {told}: rows of one time stay together, and there are {moments:,} times. Name a finer "
            f"time, or other shares under data.split")


def _note(raw: pd.DataFrame, name: str, declared: ColumnSettings) -> ColumnNote:
    return ColumnNote(name=name, declared=declared,
                      evidence=evidence(raw[name], declared.kind or "category", declared.format))


def _of_target(raw: pd.DataFrame, schema: Schema) -> str:
    return evidence(raw[schema.target.name], "number" if schema.task == "regression" else "category")


def expectations(kept: pd.DataFrame, schema: Schema, rows: int, time: str | None = None) -> Iterator[Expectation]:
    """What holds for every kept row, for Great Expectations to ask of rows to come.

    rows: how many the source gave. Half as many must come again; of a wide table nothing else is asked.
    time: the column that orders the rows; those to come are later, so it has no range.
    """
    yield Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": max(1, rows // 2)},
                      severity="stop")
    if len(schema.columns) > WIDE:
        return
    for column in schema.columns:
        if not column.nullable:
            yield Expectation(type="expect_column_values_to_not_be_null", kwargs={"column": column.name})
        if column.name != time and (limits := _limits(kept[column.name], column)):
            yield limits


def _limits(values: pd.Series, column: Column) -> Expectation | None:
    """The range of a number with half of its span to spare; the categories where there seem to be no others."""
    present = values.dropna()
    if column.kind == "number":
        low, high = spared(float(present.min()), float(present.max()), whole=bool((present % 1 == 0).all()))
        kwargs: dict[str, Json] = {"column": column.name, "min_value": low, "max_value": high}
        return Expectation(type="expect_column_values_to_be_between", kwargs=kwargs)
    counted = present.value_counts() if column.kind == "category" else pd.Series(dtype=int)
    if not 1 < len(counted) <= LISTED or counted.min() < SEEN:
        return None
    named: list[Json] = [str(value) for value in sorted(counted.index)]
    return Expectation(type="expect_column_values_to_be_in_set", kwargs={"column": column.name, "value_set": named})


def spared(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """A range with half of its span to spare on both sides, in round numbers; it does not reach across zero.

    >>> spared(18, 89, whole=True)
    (0, 125)
    >>> spared(-0.42, 0.58, whole=False)
    (-1.0, 1.1)
    """
    span = (high - low) or abs(high) or 1.0
    step = max(10.0 ** (math.floor(math.log10(span)) - 1), 1.0 if whole else 1e-300)
    below = min(low, float(f"{math.floor((low - span / 2) / step) * step:.12g}"))
    above = max(high, float(f"{math.ceil((high + span / 2) / step) * step:.12g}"))
    ends = (max(below, 0.0) if low >= 0 else below, min(above, 0.0) if high <= 0 else above)
    return (int(ends[0]), int(ends[1])) if whole else ends


def _parts(test: pd.DataFrame, schema: Schema) -> dict[str, tuple[Part, ...]]:
    """How many test rows each value of a column has, the most common first: of categories, and of the target."""
    columns = [column for column in schema.features if column.kind == "category"]
    if schema.task != "regression":
        columns.append(schema.target)
    counted = {column.name: test[column.name].value_counts() for column in columns}
    return {name: tuple(Part(value=str(value), rows=int(rows)) for value, rows in counts.items())
            for name, counts in counted.items() if 1 < len(counts) <= SLICED}
