"""Raw columns to the arrays that a graph takes: the same code in training, measuring and serving."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.values import Spelling, category, is_missing, is_plain, number_text

Array = NDArray[Any]
PLAIN: Spelling = {}
MANY = 32


class InputError(ValueError):
    """What was asked is not a table of the schema's columns; the message names the column, the row and the value."""


def feeds(schema: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Array]:
    """The graph's inputs from named columns of raw values; columns that the model does not read are ignored.

    `schema` is the JSON of a Schema. A row's numbers become float32 [N, 1] (missing: NaN), its categories text [N, 1]
    (missing: ""); images become `image`, float32 [N, H, W], from their pixel columns or from one column `image` of
    nested lists. Texts are read as the schema's spelling says: its markers are missing values. Raises InputError for an
    absent column, a value that is no number, and columns of unequal lengths.

    >>> schema = {"input": "rows", "columns": [{"name": "age", "kind": "number"}, {"name": "job", "kind": "category"}]}
    >>> feeds(schema, {"age": [39, None], "job": ["smith", None]})["age"].ravel()
    array([39., nan], dtype=float32)
    """
    if schema["input"] == "image":
        return {"image": _images(schema, columns)}
    spelling = schema.get("spelling", PLAIN)
    arrays = {column["name"]: _READERS[column["kind"]](column, _bare(column, _given(column["name"], columns)), spelling)
              for column in _features(schema)}
    _refuse_unequal(arrays)
    _refuse_infinite(arrays)
    return arrays


def _features(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [column for column in schema["columns"] if column["kind"] in _READERS]


def _given(name: str, columns: Mapping[str, Any]) -> Any:
    try:
        values = columns[name]
    except KeyError:
        raise InputError(f"column {name!r} is missing; {_nearest(name, [str(other) for other in columns])}.") from None
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InputError(f"column {name!r} is {values!r}; give a list of values, one a row.")
    return values


def _bare(column: Mapping[str, Any], values: Sequence[Any]) -> Sequence[Any]:
    """The values, their texts without the characters that the column's are stripped of."""
    if not (signs := column.get("strip")):
        return values
    return [value.strip(signs) if isinstance(value, str) else value for value in values]


def _nearest(name: str, given: list[str]) -> str:
    if near := difflib.get_close_matches(name, given, n=1):
        return f"the nearest of those given is {near[0]!r}"
    return f"given: {', '.join(given) or 'none'}"


def _numbers(column: Mapping[str, Any], values: Sequence[Any], spelling: Spelling) -> Array:
    """Numbers as given, texts as spelled. A number that the spelling calls a missing value is one."""
    try:
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as such
            array = np.array(values if is_plain(spelling) else _plain(values, spelling), dtype=np.float32)
    except (TypeError, ValueError):  # a marker, or a value to blame
        told = zip(_plain(values, spelling), values, strict=True)
        array = np.array([_number(column["name"], row, *pair) for row, pair in enumerate(told)], dtype=np.float32)
    for marker in spelling.get("missing_numbers", ()):
        array[array == np.float32(marker)] = np.nan
    return _one_a_row(column["name"], array)


def _plain(values: Sequence[Any], spelling: Spelling) -> list[Any]:
    return [number_text(value, spelling) if isinstance(value, str) else value for value in values]


def _number(name: str, row: int, plain: Any, given: Any) -> float:
    if is_missing(plain):
        return float("nan")
    try:
        return float(plain)
    except (TypeError, ValueError):
        raise InputError(f"column {name!r}, row {row}: {given!r} is not a number.") from None


def _categories(column: Mapping[str, Any], values: Sequence[Any], spelling: Spelling) -> Array:
    name = column["name"]
    if len(values) > MANY and all(type(value) is str for value in values):  # few differ: each is read once
        spelled = {value: category(value, column, spelling) for value in set(values)}
        return _one_a_row(name, np.array([spelled[value] for value in values], dtype=object))
    texts = [category(value if type(value) is str else _one_value(name, row, value), column, spelling)
             for row, value in enumerate(values)]
    return _one_a_row(name, np.array(texts, dtype=object))


def _one_value(name: str, row: int, value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.item()
    if isinstance(value, list | tuple | dict | set | bytes | np.ndarray):
        raise InputError(f"column {name!r}, row {row}: {value!r} is not one value.")
    return value


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
    named = _features(schema)
    given = [_given(column["name"], columns) for column in named]
    try:
        with np.errstate(over="ignore"):
            flat = np.array(given, dtype=np.float32)
    except (TypeError, ValueError):  # look column by column for the one to blame
        spelling = schema.get("spelling", PLAIN)
        arrays = {c["name"]: _numbers(c, values, spelling) for c, values in zip(named, given, strict=True)}
        _refuse_unequal(arrays)
        flat = np.array([array.ravel() for array in arrays.values()], dtype=np.float32)
    return np.ascontiguousarray(flat.reshape(len(named), -1).T).reshape(-1, *schema["shape"])


_READERS = {"number": _numbers, "category": _categories}
