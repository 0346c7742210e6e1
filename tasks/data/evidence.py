"""What speaks for taking a column as what it is taken for: one line that a person can check at a glance."""

from __future__ import annotations

import pandas as pd

from tasks.data.casting import as_kind
from tasks.records import ColumnKind

SHOWN = 5  # categories that are named, the most common first
LONGEST = 24  # characters of a value


def evidence(raw: pd.Series, kind: ColumnKind, spelling: str | None = None) -> str:
    """Values, range and missing share of a column; an identifier's values are not shown: they may be names of people.

    >>> evidence(pd.Series(["a", "b", "a", None]), "category")
    '2 distinct: a 67 %, b 33 %; 25 % missing'
    """
    values = as_kind(raw, kind, spelling)
    present = values.dropna()
    unread = int((raw.notna() & values.isna()).sum())
    said = [_TELLERS[kind](present), _missing(raw)]
    if unread:
        said.append(f"{unread:,} no {kind}: to quarantine")
    return "; ".join(said)


def share(part: float) -> str:
    """A share as per cent, never rounded to none or all where it is not.

    >>> share(0.0004), share(0.5), share(0.9999)
    ('< 0.1 %', '50 %', '> 99.9 %')
    """
    if 0 < part < 0.001:
        return "< 0.1 %"
    if 0.999 < part < 1:
        return "> 99.9 %"
    return f"{part:.1%}".replace("%", " %") if part < 0.1 or part > 0.9 else f"{part:.0%}".replace("%", " %")


def plain(value: object) -> str:
    """A value in one short line: nothing in it may end a comment.

    >>> plain("two" + chr(10) + "lines")
    'two lines'
    """
    text = "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(value).split()))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _missing(raw: pd.Series) -> str:
    part = float(raw.isna().mean())
    return f"{share(part)} missing" if part else "none missing"


def _numbers(present: pd.Series) -> str:
    low, middle, high = (_number(float(value)) for value in (present.min(), present.median(), present.max()))
    return f"{low} to {high}, median {middle}, {present.nunique():,} distinct"


def _number(value: float) -> str:
    """A whole number of four digits is as often a year: it has no comma."""
    if not value.is_integer() or abs(value) >= 1e12:
        return f"{value:.5g}"
    return f"{value:.0f}" if abs(value) < 10_000 else f"{value:,.0f}"


def _categories(present: pd.Series) -> str:
    counted = present.value_counts(normalize=True)
    named = ", ".join(f"{plain(value)} {share(float(part))}" for value, part in counted.head(SHOWN).items())
    return f"{len(counted):,} distinct: {named}{', …' if len(counted) > SHOWN else ''}"


def _times(present: pd.Series) -> str:
    if not pd.api.types.is_datetime64_any_dtype(present.dtype):
        return f"{present.min()} to {present.max()}"
    return f"{present.min().date()} to {present.max().date()}"


def _identifiers(present: pd.Series) -> str:
    return f"{present.nunique():,} distinct in {len(present):,} rows"


_TELLERS = {"number": _numbers, "category": _categories, "time": _times, "identifier": _identifiers}
