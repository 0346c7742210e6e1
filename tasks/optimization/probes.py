"""Rows that a graph is most likely to get wrong: unseen categories, missing values, extremes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.records import Column, Schema

UNSEEN = "farrier:unseen"
FAR = 1e6


@dataclass(frozen=True)
class Probes:
    """Typed rows, and for each of them what it tries; the first `real` of them were not made up."""

    frame: pd.DataFrame
    names: tuple[str, ...]
    real: int


def probes(splits: Mapping[str, pd.DataFrame], schema: Schema) -> Probes:
    """The typed rows of splits as they are, then the first of them with one column changed at a time, then with all.

    The first split has at least one row.
    """
    typed = next(iter(splits.values()))
    tries = [{column.name: value} for column in schema.features for value in _values(column, schema)]
    tries += [_everywhere(schema, place) for place in range(max(len(_values(c, schema)) for c in schema.features))]
    changed = pd.concat([typed.iloc[[0]]] * len(tries), ignore_index=True)
    for name in typed.columns:
        column = changed[name].to_numpy(copy=True)
        for row, values in enumerate(tries):
            column[row] = values.get(name, column[row])
        changed[name] = pd.Series(column, dtype=typed[name].dtype)
    known = [f"{split} row {row}" for split, rows in splits.items() for row in range(len(rows))]
    return Probes(frame=pd.concat([*splits.values(), changed], ignore_index=True),
                  names=(*known, *map(_name, tries)), real=len(known))


def _values(column: Column, schema: Schema) -> list[Any]:
    if column.kind == "category":
        return [UNSEEN, "", *column.categories[:1]]
    known = [value for value in (column.low, column.high) if value is not None]
    missing = [] if schema.input == "image" else [np.nan]  # an image has all of its pixels
    return [-FAR, FAR, 0.0, *missing, *known]


def _everywhere(schema: Schema, place: int) -> dict[str, Any]:
    """Each column at the same one of its values."""
    options = {column.name: _values(column, schema) for column in schema.features}
    return {name: values[place % len(values)] for name, values in options.items()}


def _name(values: dict[str, Any]) -> str:
    if len(values) == 1:
        column, value = next(iter(values.items()))
        return f"column {column!r} at {value!r}"
    return f"all columns at once, {next(iter(values))!r} at {next(iter(values.values()))!r}"
