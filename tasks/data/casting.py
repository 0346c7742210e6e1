"""Raw values to the kind that a column holds, and a complaint about every value that cannot be taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.data.settings import ColumnSettings
from tasks.errors import DataError
from tasks.records import ColumnKind

Mask = npt.NDArray[np.bool_]
CHANGED = 0.5  # more than this share of values that do not parse is another type, not a few bad rows


class Complaint(NamedTuple):
    """Rows that one check refuses, with words for each of them."""

    column: str
    check: str
    rows: tuple[int, ...]
    words: tuple[str, ...]


class Cast(NamedTuple):
    """A frame of clean columns in the raw frame's order of rows, and what was found wrong on the way."""

    frame: pd.DataFrame
    complaints: tuple[Complaint, ...]


def cast(raw: pd.DataFrame, kinds: Mapping[str, ColumnKind], declared: Mapping[str, ColumnSettings],
         needed: Sequence[str]) -> Cast:
    """Every column in `kinds` as its kind: number float64, category str or None, time as UTC, identifier as found.

    `needed` columns may not be missing anywhere. Raises DataError where most of a column is not of its kind.
    """
    clean: dict[str, pd.Series] = {}
    complaints: list[Complaint] = []
    for name, kind in kinds.items():
        values = as_kind(raw[name], kind, declared[name].format)
        _refuse_another_type(name, kind, raw[name], values)
        checks = _checks(kind, raw[name], values, declared[name], name in needed)
        complaints += _complaints(raw[name], checks)
        clean[name] = values
    return Cast(pd.DataFrame(clean, index=raw.index), tuple(complaints))


def as_kind(values: pd.Series, kind: ColumnKind, spelling: str | None = None) -> pd.Series:
    """A column as its kind; what does not parse becomes missing. An empty text is missing everywhere."""
    if kind == "number":
        return pd.to_numeric(values, errors="coerce").astype("float64")
    if kind == "category":
        return as_text(values)
    if kind == "time" and spelling and pd.api.types.is_numeric_dtype(values.dtype):
        return as_kind(as_text(values), kind, spelling)  # 31122024 is a number to a source
    if kind == "time" and not pd.api.types.is_numeric_dtype(values.dtype):
        return pd.to_datetime(values, errors="coerce", format=spelling or "ISO8601", utc=True).dt.tz_localize(None)
    return values


def as_text(values: pd.Series) -> pd.Series:
    """Labels as text: 3.0 is '3', True is 'true', an empty text or a missing value is None."""
    codes, distinct = pd.factorize(values)
    spelled = np.array([*(_label(value) for value in distinct), None], dtype=object)
    return pd.Series(spelled[codes], index=values.index, dtype=object, name=values.name)


def _label(value: object) -> str | None:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) or None


def blurred(numbers: pd.Series) -> bool:
    """Whether the 32 bits that models read leave less than half of the different values different.

    >>> blurred(pd.Series([1_700_000_000.0, 1_700_000_001.0, 1_700_000_002.0])), blurred(pd.Series([0.1, 0.2]))
    (True, False)
    """
    return bool(numbers.astype("float32").nunique() < numbers.nunique() / 2)


def _refuse_another_type(name: str, kind: ColumnKind, raw: pd.Series, values: pd.Series) -> None:
    present = _present(raw)
    lost = present & values.isna().to_numpy()
    if lost.sum() > CHANGED * present.sum():
        raise DataError(f"column {name!r} should be a {kind}, and {lost.sum()} of its {present.sum()} values are not, "
                        f"as {raw[lost].iloc[0]!r}. Mend the source, or declare its kind under data.columns.")


def _present(values: pd.Series) -> Mask:
    there: Mask = values.notna().to_numpy()
    return there if pd.api.types.is_numeric_dtype(values.dtype) else there & (values != "").to_numpy()


def _complaints(raw: pd.Series, checks: Iterable[tuple[str, Mask]]) -> Iterator[Complaint]:
    """One complaint for each check that some rows do not pass."""
    for check, bad in checks:
        if bad.any():
            rows = np.flatnonzero(bad)
            words = [" ".join(filter(None, (f"{raw.name}:", _shown(value), check))) for value in raw.iloc[rows]]
            yield Complaint(str(raw.name), check, tuple(rows.tolist()), tuple(words))


def _shown(value: Any) -> str:
    """A value as a reason shows it; nothing for one that is missing."""
    if value is None or value == "" or pd.isna(value):
        return ""
    return (repr(value) if isinstance(value, str) else str(value))[:60]


def _checks(kind: ColumnKind, raw: pd.Series, values: pd.Series, declared: ColumnSettings,
            needed: bool) -> Iterator[tuple[str, Mask]]:
    present = _present(raw)
    missing = values.isna().to_numpy()
    yield f"is not a {kind}", present & missing
    if declared.nullable is False or needed:
        yield "is missing", ~present
    if kind == "number":
        yield from _range_checks(values.to_numpy(), declared)
    if kind == "category":
        yield "holds a NUL, which no text has", values.str.contains("\0", regex=False, na=False).to_numpy(dtype=bool)
    if kind == "category" and declared.categories is not None:
        yield "is not one of the declared categories", ~missing & ~values.isin(declared.categories).to_numpy()


def _range_checks(numbers: npt.NDArray[np.float64], declared: ColumnSettings) -> Iterator[tuple[str, Mask]]:
    with np.errstate(over="ignore"):  # models read 32 bits: what is too large for them is infinite too
        infinite = np.isinf(numbers.astype(np.float32))
    yield "is infinite", infinite
    if declared.low is not None:
        yield f"is below {declared.low:g}", (numbers < declared.low) & ~infinite
    if declared.high is not None:
        yield f"is above {declared.high:g}", (numbers > declared.high) & ~infinite
