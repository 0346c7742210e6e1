"""The report's pictures as SVG text: what each candidate costs and gives, and where the answers go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.report import pareto as pareto_plot
from tasks.report import svg
from tasks.report.story import TargetStory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 600
MOST_WRITTEN = 20


def pareto(target: TargetStory, metric: str, champion: float | None = None) -> str:
    """Quality against latency on a logarithmic axis: interval bars, budget and margin, the chosen one marked.

    Each candidate bears its number in the target's table. Latency is the one that has a budget, else the median.
    `champion` is the champion's quality on validation: where it is known, what lies below it by the margin is shaded.
    """
    with _canvas(7.2, 4.0) as (figure, axes):
        pareto_plot.draw(axes, target, metric, champion)
        names = ", ".join(f"{n}: {m.candidate}" for n, m in pareto_plot.places(target)) or "no candidate was measured"
        return svg.drawn(figure, name=f"pareto-{target.name}", title=f"Quality against latency on {target.name}",
                         description=f"{names}. Chosen: {target.chosen or 'none'}.")


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str], *, name: str = "confusion") -> str:
    """A confusion matrix: a row for each true class, shaded by its share of the row."""
    table = np.asarray(counts, dtype=np.int64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = min(max(2.0 + 0.3 * len(table), 3.0), 7.2)
    with _canvas(side, side) as (figure, axes):
        for (row, column), count in np.ndenumerate(table):
            _cell(axes, row, column, float(shares[row, column]), int(count) if len(table) <= MOST_WRITTEN else 0)
        axes.set(xlim=(-0.5, len(table) - 0.5), ylim=(len(table) - 0.5, -0.5), aspect="equal",
                 xlabel="answered", ylabel="true class")
        _class_ticks(axes, classes)
        wrong = int(table.sum() - np.trace(table))
        return svg.drawn(figure, name=name, title="Confusion matrix",
                         description=f"{wrong} of {int(table.sum())} rows were answered with another class.")


def residuals(pairs: Sequence[tuple[float, float]], *, name: str = "residuals") -> str:
    """Answers against the truth, and how the errors spread; at most 600 points, evenly chosen, are drawn."""
    rows = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    rows = rows[np.isfinite(rows).all(axis=1)]
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS)).astype(int)]
    with _canvas(7.2, 3.4, columns=2) as (figure, (scatter, spread)):
        ends = [float(rows.min()), float(rows.max())] if len(rows) else [0.0, 1.0]
        scatter.plot(ends, ends, color=svg.LIMIT, linewidth=1, linestyle="--")
        scatter.plot(some[:, 0], some[:, 1], ".", color=svg.ACCENT, markersize=4, alpha=0.5)
        scatter.set(xlabel="truth", ylabel="answer")
        spread.hist(rows[:, 1] - rows[:, 0], bins=30, color=svg.ACCENT, alpha=0.7)
        spread.set(xlabel="answer minus truth", ylabel="rows")
        return svg.drawn(figure, name=name, title="Residuals",
                         description=f"Answers against the truth for {len(rows)} rows, and how the errors spread.")


@contextmanager
def _canvas(width: float, height: float, *, columns: int = 1) -> Iterator[tuple[Any, Any]]:
    """A figure and its axes under the report's settings; sizes in inches of 72 units."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(svg.SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(1, columns)


def _cell(axes: Axes, row: int, column: int, share: float, count: int) -> None:
    from matplotlib.patches import Rectangle

    if share > 0:
        color = svg.ACCENT if row == column else svg.LIMIT
        shade = 0.12 + 0.43 * share**0.5  # the root keeps a rare mistake visible; .55 keeps the number on it readable
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, edgecolor="none", alpha=shade))
    if count:
        axes.text(column, row, f"{count:,}", ha="center", va="center")


def _class_ticks(axes: Axes, classes: Sequence[str]) -> None:
    every = max(1, -(-len(classes) // 30))
    places = list(range(0, len(classes), every))
    labels = [c if len(c) <= 16 else f"{c[:15]}…" for c in classes[::every]]
    axes.set_xticks(places, labels, rotation=90 if max(map(len, labels), default=0) * len(labels) > 40 else 0)
    axes.set_yticks(places, labels)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
