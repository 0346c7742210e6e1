"""Raw columns to the arrays that a graph takes: the same code in training, measuring and serving."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class InputError(ValueError):
    """What was asked is not a table of the schema's columns; the message names the column, the row and the value."""


def feeds(schema: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Array]:
    """The graph's inputs from named columns of raw values; columns that the model does not read are ignored.

    `schema` is the JSON of a Schema. A row's numbers become float32 [N, 1] (missing: NaN), its categories text [N, 1]
    (missing: ""); images become `image`, float32 [N, H, W], from their pixel columns or from one column `image` of
    nested lists. Raises InputError for an absent column, a value that is no number, and columns of unequal lengths.

    >>> schema = {"input": "rows", "columns": [{"name": "age", "kind": "number"}, {"name": "job", "kind": "category"}]}
    >>> feeds(schema, {"age": [39, None], "job": ["smith", None]})["age"].ravel()
    array([39., nan], dtype=float32)
    """
    if schema["input"] == "image":
        return {"image": _images(schema, columns)}
    arrays = {name: _READERS[kind](name, _given(name, columns)) for name, kind in _features(schema)}
    _refuse_unequal(arrays)
    _refuse_infinite(arrays)
    return arrays


def text(value: Any) -> str:
    """A category's text, as preparation spells it: 3.0 is "3", True is "true", what is missing is "".

    >>> text(3.0), text("3"), text(0.5), text(True), text(None)
    ('3', '3', '0.5', 'true', '')
    """
    if isinstance(value, str):
        return str(value)
    if _is_missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _features(schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(c["name"], c["kind"]) for c in schema["columns"] if c["kind"] in _READERS]


def _given(name: str, columns: Mapping[str, Any]) -> Any:
    try:
        values = columns[name]
    except KeyError:
        raise InputError(f"column {name!r} is missing; {_nearest(name, [str(other) for other in columns])}.") from None
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InputError(f"column {name!r} is {values!r}; give a list of values, one a row.")
    return values


def _nearest(name: str, given: list[str]) -> str:
    if near := difflib.get_close_matches(name, given, n=1):
        return f"the nearest of those given is {near[0]!r}"
    return f"given: {', '.join(given) or 'none'}"


def _numbers(name: str, values: Sequence[Any]) -> Array:
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as such
            array = np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        array = np.array([_number(name, row, value) for row, value in enumerate(values)], dtype=np.float32)
    return _one_a_row(name, array)


def _number(name: str, row: int, value: Any) -> float:
    if _is_missing(value) or (isinstance(value, str) and not value.strip()):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"column {name!r}, row {row}: {value!r} is not a number.") from None


def _categories(name: str, values: Iterable[Any]) -> Array:
    texts = [value if type(value) is str else _scalar_text(name, row, value) for row, value in enumerate(values)]
    return _one_a_row(name, np.array(texts, dtype=object))


def _scalar_text(name: str, row: int, value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, list | tuple | dict | set | bytes | np.ndarray):
        raise InputError(f"column {name!r}, row {row}: {value!r} is not one value.")
    return text(value)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  only a NaN differs from itself
    except TypeError:  # pandas.NA refuses to be true or false
        return True
    except ValueError:  # an array is not one value; who reads it says so
        return False


def _one_a_row(name: str, array: Array) -> Array:
    if array.size != (len(array) if array.ndim else 0):
        raise InputError(f"column {name!r} has shape {array.shape}; one value a row is needed.")
    return array.reshape(-1, 1)


def _refuse_unequal(arrays: Mapping[str, Array]) -> None:
    rows = {len(array) for array in arrays.values()}
    if len(rows) > 1:
        first, other = _first_two_lengths(arrays)
        raise InputError(f"columns {first!r} and {other!r} have {len(arrays[first])} and {len(arrays[other])} rows; "
                         f"every column needs one value a row.")


def _first_two_lengths(arrays: Mapping[str, Array]) -> tuple[str, str]:
    first = next(iter(arrays))
    return first, next(name for name, array in arrays.items() if len(array) != len(arrays[first]))


def _refuse_infinite(arrays: Mapping[str, Array]) -> None:
    numbers = [array for array in arrays.values() if array.dtype == np.float32]
    if not numbers or not np.isinf(np.concatenate(numbers)).any():  # one look at all: a row takes microseconds
        return
    for name, array in arrays.items():
        if array.dtype == np.float32 and (rows := np.flatnonzero(np.isinf(array))).size:
            raise InputError(f"column {name!r}, row {rows[0]}: the value is infinite, or too large for 32 bits.")


def _images(schema: Mapping[str, Any], columns: Mapping[str, Any]) -> Array:
    height, width = schema["shape"]
    pixels = _whole_images(columns["image"]) if "image" in columns else _pixel_columns(schema, columns)
    if pixels.ndim != 3 or pixels.shape[1:] != (height, width):
        raise InputError(f"column 'image' has shape {pixels.shape}; (rows, {height}, {width}) is needed.")
    if rows := np.flatnonzero(~np.isfinite(pixels).all(axis=(1, 2))).tolist():
        fault = "missing" if np.isnan(pixels[rows[0]]).any() else "infinite, or too large for 32 bits"
        raise InputError(f"column 'image', row {rows[0]}: a pixel is {fault}.")
    return pixels


def _whole_images(values: Any) -> Array:
    try:
        with np.errstate(over="ignore"):
            return np.array(list(values), dtype=np.float32)
    except (TypeError, ValueError) as problem:
        raise InputError(f"column 'image' is no list of images, each a list of rows of numbers: {problem}.") from None


def _pixel_columns(schema: Mapping[str, Any], columns: Mapping[str, Any]) -> Array:
    names = [name for name, _ in _features(schema)]
    given = [_given(name, columns) for name in names]
    try:
        with np.errstate(over="ignore"):
            flat = np.array(given, dtype=np.float32)
    except (TypeError, ValueError):  # look column by column for the one to blame
        arrays = {name: _numbers(name, values) for name, values in zip(names, given, strict=True)}
        _refuse_unequal(arrays)
        flat = np.array([array.ravel() for array in arrays.values()], dtype=np.float32)
    return np.ascontiguousarray(flat.reshape(len(names), -1).T).reshape(-1, *schema["shape"])


_READERS = {"number": _numbers, "category": _categories}
