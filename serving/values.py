"""One raw value to the number or the text that a model reads, spelled as the rows that it was trained on were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Spelling = Mapping[str, Any]
NUMERIC = ("int", "uint", "float", "double", "decimal", "halffloat")
TRUTHS = ("true", "false")


def text(value: Any) -> str:
    """A category's text, as preparation spells it: 3.0 is "3", True is "true", what is missing is "".

    >>> text(3.0), text("3"), text(0.5), text(True), text(None)
    ('3', '3', '0.5', 'true', '')
    """
    if isinstance(value, str):
        return str(value)
    if is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def is_missing(value: Any) -> bool:
    """Whether a value is None, a NaN or one of their kin; of texts only a spelling can tell."""
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  only a NaN differs from itself
    except TypeError:  # pandas.NA refuses to be true or false
        return True
    except ValueError:  # an array is not one value; who reads it says so
        return False


def number_text(written: str, spelling: Spelling) -> str:
    """A number's text as Python reads it; "nan" for one that is missing.

    >>> german = {"missing": ["k.A."], "decimal": ",", "thousands": "."}
    >>> [number_text(one, german) for one in ("1.234,5", " 7 ", "k.A.", "")]
    ['1234.5', '7', 'nan', 'nan']
    """
    bare = written.strip()
    return "nan" if not bare or bare in spelling.get("missing", ()) else _plain(bare, spelling)


def _plain(written: str, spelling: Spelling) -> str:
    bare = written.replace(thousands, "") if (thousands := spelling.get("thousands")) else written
    decimal = spelling.get("decimal", ".")
    return bare if decimal == "." else bare.replace(decimal, ".")


def category(value: Any, column: Mapping[str, Any], spelling: Spelling) -> str:
    """A category's text as its column spells it; a missing value is "".

    `column` is the JSON of a Column: where its source held numbers or truths, a text is read as one first.

    >>> whole, spelling = {"dtype": "int64"}, {"missing": ["?"], "strip_spaces": True}
    >>> [category(one, whole, spelling) for one in ("3", "3.0", " 3", 3, "?", None)]
    ['3', '3', '3', '3', '', '']
    >>> [category(one, {"dtype": "bool"}, spelling) for one in ("True", True)]
    ['true', 'true']
    """
    if isinstance(value, bool | np.bool_):
        return _truth(text(value), column.get("categories", ()))
    found = value.strip() if spelling.get("strip_spaces") and isinstance(value, str) else text(value)
    if found in spelling.get("missing", ()):
        return ""
    dtype = column.get("dtype", "string")
    if dtype == "string":
        return found if is_plain(spelling) else _plain_where_a_number(found, spelling)
    return _as_found(found, dtype, spelling)


def is_plain(spelling: Spelling) -> bool:
    """Whether its numbers are written as Python reads them."""
    return spelling.get("decimal", ".") == "." and not spelling.get("thousands")


def _truth(word: str, categories: Sequence[str]) -> str:
    """A truth as the column spells it: a file's True is a text, and JSON's true is none."""
    return next((one for one in categories if one.lower() == word), word)


def _as_found(written: str, dtype: str, spelling: Spelling) -> str:
    if dtype == "bool":
        return written.lower() if written.lower() in TRUTHS else written
    return _number_as_label(written, spelling) if dtype.startswith(NUMERIC) else written


def _plain_where_a_number(written: str, spelling: Spelling) -> str:
    plain = _plain(written, spelling)
    return written if _as_float(plain) is None else plain


def _number_as_label(written: str, spelling: Spelling) -> str:
    plain = _plain(written, spelling)
    try:
        return str(int(plain))
    except ValueError:
        found = _as_float(plain)
    return written if found is None else text(found)


def _as_float(written: str) -> float | None:
    """A finite number, or None."""
    try:
        found = float(written)
    except ValueError:
        return None
    return found if np.isfinite(found) else None
