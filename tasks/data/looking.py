"""A first look at unknown rows: what each column holds, which to leave out, and whether the target is one at all."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import pandas as pd
from pydantic import Field

from tasks.data.casting import as_kind, blurred
from tasks.data.preparation import RESERVED
from tasks.data.schema import MOSTLY, kind_of, task_of
from tasks.data.settings import ColumnSettings, DataSettings
from tasks.data.sources import AnySource
from tasks.data.splitting import AnySplit, GivenSplit, GroupSplit, HashSplit, TimeSplit
from tasks.errors import DataError, SettingsError
from tasks.records import OUTPUTS, Record, TaskKind

MANY = 200  # categories: beyond, most are too rare to learn anything from
SMALL = 1000  # rows: below, a larger share must be kept for the test
ORIGIN = "source_file"  # the column that says which file a row came from, where a test file is named
SIGNS = (".", "*", ";", ":")
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d")
SPELLINGS = tuple(date + clock for date in _DATES for clock in ("", " %H:%M", " %H:%M:%S"))


class Wish(Record):
    """What whoever proposes a project knows already."""

    target: str
    task: TaskKind | None = None
    time: str | None = None
    group: str | None = None
    test: str | None = Field(None, description="the name of a published test file, among the source's files")


def look(raw: pd.DataFrame, source: AnySource, wish: Wish) -> DataSettings:
    """Settings of the data stage for rows that nobody described.

    Raises SettingsError for a column that is not there and a time that is none; DataError for a target that cannot be
    one.
    """
    for name in filter(None, (wish.target, wish.time, wish.group)):
        _must_be_there(name, raw)
    sign = to_strip(raw[wish.target])
    bare = raw[wish.target].map(lambda value: value.strip(sign) if sign and isinstance(value, str) else value)
    task = _task(bare, wish)
    ignored = tuple(left_out(raw, wish))
    kept = [name for name in raw.columns if name not in {wish.target, *ignored}]
    columns = {name: _declared(raw[name], wish) for name in kept}
    columns |= {wish.target: ColumnSettings(strip=sign)} if sign else {}
    return DataSettings(source=source, target=wish.target, task=task, columns=columns, ignore=ignored,
                        split=_split(wish, columns, raw))


def to_strip(values: pd.Series) -> str:
    """The sign that tells some labels from others only by standing at their end, as the dot of `yes.` beside `yes`.

    >>> to_strip(pd.Series(["no", "yes", "no.", "yes."])), to_strip(pd.Series(["St.", "Ave"]))
    ('.', '')
    """
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return ""
    labels = {value for value in values.dropna().unique() if isinstance(value, str)}
    for sign in SIGNS:
        signed = {label for label in labels if label.strip(sign) != label}
        if signed and all(label.strip(sign) in labels for label in signed):
            return sign
    return ""


def left_out(raw: pd.DataFrame, wish: Wish) -> dict[str, str]:
    """The columns that no model can use, each with the reason."""
    needed = {wish.target, wish.time, wish.group, *((ORIGIN,) if wish.test else ())}
    found = ((name, _useless(raw[name])) for name in raw.columns if name not in needed)
    return {name: reason for name, reason in found if reason}


def _useless(values: pd.Series) -> str:
    if values.name in (*RESERVED, *OUTPUTS):
        return "farrier keeps this name for itself; rename the column to use it"
    distinct = values.nunique()
    if distinct == 0:
        return "holds no value"
    return "holds one value only" if distinct == 1 and values.notna().all() else ""


def _must_be_there(name: str, raw: pd.DataFrame) -> None:
    known = [str(column) for column in raw.columns]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or difflib.get_close_matches(name, known, n=3, cutoff=0.3)
        hint = f" The nearest are {', '.join(near)}." if near else ""
        raise SettingsError(f"there is no column {name!r} among {known[:20]}.{hint} Where the first line holds "
                            f"values and no names, give the names: --columns a,b,c")
    if name in RESERVED:
        raise DataError(f"column {name!r} has a name that farrier keeps for itself. Rename it in the file.")


def _task(target: pd.Series, wish: Wish) -> TaskKind:
    """What there is to predict. Raises DataError for a target without two values, or that numbers the rows."""
    distinct = target.nunique()
    if distinct < 2:
        held = f"one value only, {target.dropna().iloc[0]!r}" if distinct else "no value"
        raise DataError(f"target {target.name!r} holds {held}: nothing can be told apart. Add rows of another class, "
                        f"or name another target.")
    kind, numbers = kind_of(str(target.name), target), pd.api.types.is_numeric_dtype(target.dtype)
    if kind in ("identifier", "time") and not (numbers and wish.task == "regression"):
        hint = " If it is what to predict: --task regression." if numbers else ""
        raise DataError(f"target {target.name!r} looks like a{'n identifier' if kind == 'identifier' else ' time'}: "
                        f"{distinct:,} different values in {len(target):,} rows. Name the column to predict.{hint}")
    return wish.task or task_of(target, ColumnSettings())


def _declared(values: pd.Series, wish: Wish) -> ColumnSettings:
    """The kind of a column, with the spelling of its times where they are not ISO 8601."""
    if values.name == wish.group or (wish.test and values.name == ORIGIN):
        return ColumnSettings(kind="identifier")  # a model must not learn who it is
    kind, spelling = kind_of(str(values.name), values), None
    if kind in ("category", "identifier") and (spelling := _spelling(values.dropna())):
        return ColumnSettings(kind="time", format=spelling)
    if (kind == "category" and values.nunique() > MANY) or (kind == "number" and blurred(as_kind(values, kind))):
        return ColumnSettings(kind="identifier")
    return ColumnSettings(kind=kind)


def _spelling(present: pd.Series) -> str | None:
    """The first strptime format that nearly all texts follow."""
    if pd.api.types.is_bool_dtype(present.dtype) or pd.api.types.is_numeric_dtype(present.dtype) or present.empty:
        return None
    head = present.head(1000)
    fitting = (form for form in SPELLINGS if as_kind(head, "time", form).notna().mean() >= MOSTLY)
    return next((form for form in fitting if as_kind(present, "time", form).notna().mean() >= MOSTLY), None)


def _split(wish: Wish, columns: Mapping[str, ColumnSettings], raw: pd.DataFrame) -> AnySplit:
    test = 0.3 if len(raw) < SMALL else 0.25
    if wish.test:
        return GivenSplit(column=ORIGIN, tests=(wish.test,), validation=0.2)
    if wish.time:
        ordered = pd.api.types.is_numeric_dtype(raw[wish.time].dtype)  # a running number is an order too
        if wish.time not in columns or not (ordered or columns[wish.time].kind in ("time", "number")):
            raise SettingsError(f"column {wish.time!r} holds neither times nor numbers, so rows have no order by it. "
                                f"Name another --time, or write its times as 2024-12-31 or 2024-12-31T23:59:00.")
        return TimeSplit(column=wish.time, validation=0.2, test=test)
    return GroupSplit(column=wish.group, validation=0.2, test=test) if wish.group else HashSplit(
        validation=0.2, test=test)
