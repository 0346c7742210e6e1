"""What the train rows looked like: the reference that live rows are compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.records import Column, Json, Schema

BINS = 10
SAMPLE = 1000
Numbers = npt.NDArray[np.float64]


def profile(train: pd.DataFrame, schema: Schema) -> dict[str, Json]:
    """The reference as plain data: `rows`, `columns` (a description of each feature) and `target` (of the answer)."""
    columns: dict[str, Json] = {column.name: describe(train[column.name], column) for column in schema.features}
    return {"rows": len(train), "columns": columns, "target": describe(train[schema.target.name], schema.target)}


def describe(values: pd.Series, column: Column) -> dict[str, Json]:
    """One column's description, by its kind; `missing` is a share of all rows."""
    found: dict[str, Json] = {"kind": column.kind, "missing": float(values.isna().mean())}
    if column.kind == "number":
        return found | _of_numbers(values.dropna().to_numpy(dtype=float))
    counted = values.value_counts()
    return found | {"counts": {name: int(counted.get(name, 0)) for name in column.categories}}


def _of_numbers(present: Numbers) -> dict[str, Json]:
    edges = quantile_edges(present)
    return {"mean": float(present.mean()), "std": float(present.std()), "low": float(present.min()),
            "high": float(present.max()), "edges": edges.tolist(), "counts": counts(present, edges).tolist(),
            "sample": thinned(present).tolist()}


def quantile_edges(present: Numbers, bins: int = BINS) -> Numbers:
    """The inner edges of about `bins` equally full bins; ties make fewer."""
    return np.unique(np.quantile(present, np.arange(1, bins) / bins, method="inverted_cdf"))


def counts(values: Numbers, edges: Numbers) -> npt.NDArray[np.int64]:
    """How many values fall in each of len(edges) + 1 bins; bin i holds edges[i-1] < x <= edges[i], open at both ends.

    >>> counts(np.array([1.0, 2.0, 3.0]), np.array([2.0]))
    array([2, 1])
    """
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def thinned(present: Numbers, size: int = SAMPLE) -> Numbers:
    """At most `size` of the sorted values, evenly spaced in rank: the same distribution, and no draw to seed."""
    ordered: Numbers = np.sort(present)
    if len(ordered) <= size:
        return ordered
    return np.take(ordered, np.linspace(0, len(ordered) - 1, size).round().astype(int))
