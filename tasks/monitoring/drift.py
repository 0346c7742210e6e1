"""Drift: whether live rows still look like those that a model was trained on, with a known rate of false alarms.

Each column is asked a few questions, each with a statistic and a threshold; the thresholds share the false-alarm rate
equally (Bonferroni), so that while nothing moves the whole finding is wrong at most that often, however the columns
depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.monitoring.distances import by_size, distance, psi, share_gap
from tasks.monitoring.picture import as_markdown, figure
from tasks.records import ColumnDrift, Drift

__all__ = ["as_markdown", "compare", "figure"]
Profile = Mapping[str, Any]
Finding = tuple[str, float, float]  # statistic, value, threshold
QUESTIONS = {"number": ("ks", "psi", "missing"), "category": ("unseen", "psi", "missing")}


def compare(profile: Profile, frame: pd.DataFrame, *, false_alarm_rate: float = 0.01) -> Drift:
    """Compare live rows with a reference profile (tasks/data/profile.py); `frame` is typed as models read it.

    Raises DataError where there are no rows, or a column of the profile is absent.
    """
    columns: Mapping[str, Profile] = profile["columns"]
    _refuse_unlike(columns, frame)
    level = false_alarm_rate / sum(len(QUESTIONS[column["kind"]]) for column in columns.values())
    rows = int(profile["rows"])
    found = tuple(_drift(name, *finding) for name, column in columns.items()
                  for finding in _ASKERS[column["kind"]](column, rows, frame[name], level))
    drifted = any(column.drifted for column in found)
    return Drift(rows=len(frame), columns=found, drifted=drifted, false_alarm_rate=false_alarm_rate)


def _refuse_unlike(columns: Mapping[str, Profile], frame: pd.DataFrame) -> None:
    if frame.empty:
        raise DataError("there are no rows to compare. Log some: farrier predict PROJECT FILE --log")
    if absent := [name for name in columns if name not in frame.columns]:
        raise DataError(f"columns {absent[:5]} of the profile are not in the rows, which have {list(frame)[:3]}."
                        f" Give rows with the columns that the model was trained on.")


def _drift(column: str, statistic: str, value: float, threshold: float) -> ColumnDrift:
    return ColumnDrift(column=column, statistic=statistic, value=value, threshold=threshold, drifted=value > threshold)


def _numbers(column: Profile, rows: int, values: pd.Series, level: float) -> Iterator[Finding]:
    live = values.dropna().to_numpy(dtype=np.float32)
    # live numbers are float32: a reference in float64 would put equal values on different sides of an edge
    sample, edges = (np.asarray(column[name], dtype=np.float32) for name in ("sample", "edges"))
    reference = np.asarray(column["counts"], dtype=float)
    counted = np.bincount(np.searchsorted(edges, live, side="left"), minlength=len(reference)).astype(float)
    yield "ks", *distance(sample, int(reference.sum()), live, level)
    yield "psi", *psi(reference, counted, level)
    yield "missing", *share_gap(_missing(column, rows), rows, len(values) - len(live), len(values), level)


def _categories(column: Profile, rows: int, values: pd.Series, level: float) -> Iterator[Finding]:
    present = values[values != ""]
    names, known = list(column["counts"]), np.asarray(list(column["counts"].values()), dtype=float)
    live = present.value_counts().reindex(names, fill_value=0).to_numpy().astype(float)
    missing = _missing(column, rows)
    unseen = rows - missing - int(known.sum())  # too rare in train to have a place among the categories
    yield "unseen", *share_gap(unseen, rows, len(present) - int(live.sum()), len(values), level, upward_only=True)
    yield "psi", *psi(*by_size(known, live), level)
    yield "missing", *share_gap(missing, rows, len(values) - len(present), len(values), level)


def _missing(column: Profile, rows: int) -> int:
    return round(float(column["missing"]) * rows)


_ASKERS: dict[str, Callable[[Profile, int, pd.Series, float], Iterator[Finding]]] = {
    "number": _numbers, "category": _categories}
