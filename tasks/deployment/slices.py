"""Which rows belong to each declared slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from serving.values import text
from tasks.data.features import typed
from tasks.deployment.settings import SliceSettings
from tasks.errors import SettingsError
from tasks.records import Column, Schema

Mask = npt.NDArray[np.bool_]


def members(
    frame: pd.DataFrame, truth: npt.NDArray[Any], schema: Schema, part: SliceSettings
) -> Iterator[tuple[str, Mask]]:
    """Each slice's name, column=value, and which rows are in it; none may be, and then it cannot pass.

    frame: the split as prepared; the target may be sliced too. Raises SettingsError for a column that is not in the
    schema, or a column of numbers without values.
    """
    values = _column(frame, truth, schema, part.column)
    for value in _wanted(part, values, schema):
        yield f"{part.column}={value}", np.asarray(values == value, dtype=np.bool_)


def _column(frame: pd.DataFrame, truth: npt.NDArray[Any], schema: Schema, name: str) -> npt.NDArray[Any]:
    """A column as the models see it: numbers, or texts with '' for what is missing."""
    if name == schema.target.name:
        return truth if schema.task == "regression" else np.array(schema.classes, dtype=object)[truth]
    known = [column.name for column in schema.features]
    if name not in known:
        raise SettingsError(f"deployment.slices: {name!r} is no feature and not the target. There are "
                            f"{', '.join([*known[:20], schema.target.name])}.")
    return typed(frame, schema)[name].to_numpy()


def _wanted(part: SliceSettings, values: npt.NDArray[Any], schema: Schema) -> list[str] | list[np.float32]:
    column, named = _described(part.column, schema), part.values  # noqa: PD011  a setting, no frame
    if column.kind == "category" or column.categories:
        return [text(value) for value in named] if named is not None else _occurring(column, values)
    if named is None:
        raise SettingsError(f"deployment.slices: {part.column!r} holds numbers. Name the values to certify, as in "
                            f"values: [0, 1].")
    return [np.float32(value) for value in named]


def _occurring(column: Column, values: npt.NDArray[Any]) -> list[str]:
    """Those that the schema knows and those that only these rows have: neither may escape."""
    return sorted({*column.categories, *(str(value) for value in values)})


def _described(name: str, schema: Schema) -> Column:
    return next(column for column in (*schema.features, schema.target) if column.name == name)
