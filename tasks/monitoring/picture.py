"""A drift finding for people: a table in Markdown and a picture in SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tasks.escaping import plain
from tasks.records import ColumnDrift, Drift

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# the same finding, the same bytes; and a column's name is no formula
SETTINGS: dict[Any, Any] = {"svg.hashsalt": "farrier", "svg.fonttype": "none", "text.parse_math": False}
MOST = 30  # bars beyond this number cannot be read; those nearest to alarm are shown


def as_markdown(drift: Drift) -> str:
    """The finding in words, then every question that was asked, those nearest to alarm first."""
    said = "**Drifted**" if drift.drifted else "No drift"
    moved = sorted({plain(column.column) for column in drift.columns if column.drifted})
    lines = [(f"{said} in {drift.rows:,} rows{': ' + ', '.join(moved) if moved else ''}. While nothing moves, "
              f"at most {drift.false_alarm_rate:.2g} of such findings are alarms."), "",
             "| column | statistic | value | threshold | drifted |", "| --- | --- | ---: | ---: | --- |"]
    return "\n".join([*lines, *map(_line, nearest_first(drift))]) + "\n"


def figure(drift: Drift) -> str:
    """Each question's value as a multiple of its threshold, as an SVG: beyond the line at 1 is drift."""
    from matplotlib import rc_context

    with rc_context(SETTINGS):
        return _svg(_drawn(drift))


def _drawn(drift: Drift) -> Figure:
    from matplotlib.figure import Figure

    shown = nearest_first(drift)[:MOST][::-1]
    picture = Figure(figsize=(7, 0.9 + 0.28 * len(shown)), layout="constrained")
    axes = picture.add_subplot()
    axes.barh(range(len(shown)), [min(ratio(c), 5.0) for c in shown],
              color=["#c0392b" if c.drifted else "#4a7fb0" for c in shown])
    axes.set_yticks(range(len(shown)), [f"{c.column} ({c.statistic})" for c in shown])
    axes.axvline(1.0, color="#888888", linestyle="--", linewidth=1)
    axes.set_xlabel("value / threshold (5 and more end at 5)")
    axes.set_title(f"Drift in {drift.rows:,} rows")
    return picture


def nearest_first(drift: Drift) -> list[ColumnDrift]:
    """The questions, those nearest to or farthest beyond their thresholds first."""
    return sorted(drift.columns, key=lambda c: (-ratio(c), c.column, c.statistic))


def ratio(column: ColumnDrift) -> float:
    """A value as a multiple of its threshold: above 1 is drift."""
    if column.threshold > 0:
        return column.value / column.threshold
    return float("inf") if column.value > 0 else 0.0


def _svg(picture: Figure) -> str:
    content = io.StringIO()
    picture.savefig(content, format="svg", metadata={"Date": None}, transparent=True)
    text = content.getvalue()
    return text[text.index("<svg"):]


def _line(c: ColumnDrift) -> str:
    return f"| {plain(c.column)} | {c.statistic} | {c.value:.4g} | {c.threshold:.4g} | {'yes' if c.drifted else 'no'} |"
