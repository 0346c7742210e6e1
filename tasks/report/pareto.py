"""Draws what each candidate costs and gives: latency to the right, quality upwards, what is not allowed shaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.records import Estimate, Measurement
from tasks.report import svg, words
from tasks.report.story import TargetStory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS, STEPS_WIDE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 3.0)
CORNERS = ((7, 4, "left"), (7, -11, "left"), (-7, 4, "right"), (-7, -11, "right"), (7, 14, "left"), (7, -21, "left"))


def latency_of(target: TargetStory) -> str:
    """The latency that a target's picture shows: the one that has a budget, else the median."""
    budgets = target.budgets
    return "latency_p99_ms" if budgets.latency_p99_ms and not budgets.latency_p50_ms else "latency_p50_ms"


def places(target: TargetStory) -> list[tuple[int, Measurement]]:
    """The measurements that can be drawn, each with its number in the target's table."""
    which = latency_of(target)
    return [(n, m) for n, m in enumerate(target.measured, 1) if _drawable(getattr(m, which), m.quality)]


def _drawable(latency: Estimate, quality: Estimate) -> bool:
    return bool(np.isfinite([latency.value, quality.value]).all()) and latency.value > 0


def draw(axes: Axes, target: TargetStory, metric: str, champion: float | None) -> None:
    """Draw a target's candidates, its latency budget, and the margin below the champion's quality on validation."""
    which, scale = latency_of(target), 100.0 if metric in words.SHARES else 1.0
    shown = places(target)
    for _, m in shown:
        _bars(axes, getattr(m, which), m.quality, scale, important=m.candidate in {*target.front, target.chosen})
    at = [(getattr(m, which).value, m.quality.value * scale) for _, m in shown]
    _latency_axis(axes, [x for x, _ in at], getattr(target.budgets, which))
    _over_budget(axes, getattr(target.budgets, which))
    if champion is not None and target.verdict is not None:
        better = words.better(metric)
        _below_margin(axes, scale * (champion - better * target.verdict.overall.margin), better)
    for (_, m), spot in zip(shown, at, strict=True):
        _marker(axes, target, m.candidate, spot)
    _names(axes, [(m.candidate if m.candidate == target.chosen else str(n)) for n, m in shown], at, target.chosen)
    axes.set_xlabel(f"{words.name_of(which)} (log scale)")
    axes.set_ylabel(f"{metric.replace('_', ' ')} on validation{', %' if metric in words.SHARES else ''}")
    axes.grid(visible=True)


def _bars(axes: Axes, latency: Estimate, quality: Estimate, scale: float, *, important: bool) -> None:
    axes.errorbar(latency.value, quality.value * scale, xerr=_arms(latency, 1.0), yerr=_arms(quality, scale),
                  ecolor=svg.ACCENT if important else svg.MUTED, elinewidth=1.4 if important else 0.8, alpha=0.5,
                  fmt="none", zorder=2)


def _arms(estimate: Estimate, scale: float) -> list[list[float]]:
    """The interval's two sides as lengths; nothing where an end is not a number."""
    arms = [estimate.value - estimate.low, estimate.high - estimate.value]
    return [[max(a, 0.0) * scale if np.isfinite(a) else 0.0] for a in arms]


def _marker(axes: Axes, target: TargetStory, candidate: str, at: tuple[float, float]) -> None:
    """A star for the chosen one (green where it was released), a full dot on the front, an empty one behind it."""
    chosen, full = candidate == target.chosen, candidate in target.front
    color = svg.GOOD if chosen and target.release else svg.ACCENT if chosen or full else svg.MUTED
    axes.plot(*at, marker="*" if chosen else "o", markersize=13 if chosen else 6, color=color, linestyle="none",
              markerfacecolor=color if chosen or full else "none", zorder=3)


def _names(axes: Axes, texts: Sequence[str], at: Sequence[tuple[float, float]], chosen: str | None) -> None:
    """Write each text beside its point, in the first corner that no other text or point has taken."""
    points = axes.transData.transform(np.asarray(at, dtype=float).reshape(-1, 2)) * 72 / axes.figure.dpi
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for text, spot, (x, y) in zip(texts, at, points, strict=True):
        boxes = [_box(x + dx, y + dy, len(text), side) for dx, dy, side in CORNERS]
        free = min(range(len(CORNERS)), key=lambda c: (sum(_overlap(boxes[c], t) for t in taken), c))
        taken.append(boxes[free])
        dx, dy, side = CORNERS[free]
        axes.annotate(text if len(text) <= 24 else f"{text[:23]}…", spot, xytext=(dx, dy), textcoords="offset points",
                      ha=side, fontweight="bold" if text == chosen else "normal", zorder=4)


def _box(x: float, y: float, letters: int, side: str) -> tuple[float, float, float, float]:
    width = 5.6 * min(letters, 24)
    left = x if side == "left" else x - width
    return left, y, left + width, y + 8


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The area that two boxes (left, low, right, high) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _over_budget(axes: Axes, budget: float | None) -> None:
    if budget is not None:
        _forbid(axes.axvline, axes.axvspan, budget, axes.get_xlim()[1])
        axes.text(budget, 1.01, f"budget {words.milliseconds(budget)}", color=svg.LIMIT, ha="center", va="bottom",
                  transform=axes.get_xaxis_transform())


def _below_margin(axes: Axes, least: float, better: int) -> None:
    """Shade what is worse than `least`; `better` is 1 where more is better, else -1."""
    ends = axes.get_ylim()
    room = 0.08 * (ends[1] - ends[0])
    low, high = min(ends[0], least - room), max(ends[1], least + room)
    _forbid(axes.axhline, axes.axhspan, least, low if better > 0 else high)
    axes.text(1.01, least, "margin", color=svg.LIMIT, va="center", transform=axes.get_yaxis_transform())
    axes.set_ylim(low, high)


def _forbid(line: Callable[..., Any], span: Callable[..., Any], at: float, until: float) -> None:
    line(at, color=svg.LIMIT, linestyle="--", linewidth=1.2, zorder=1)
    span(at, until, color=svg.LIMIT, alpha=0.08, linewidth=0, zorder=0)


def _latency_axis(axes: Axes, values: Sequence[float], budget: float | None) -> None:
    """A logarithmic axis whose few ticks read as µs or ms."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ends = [v for v in [*values, budget] if v]
    low, high = (min(ends) / 1.35, max(ends) * 1.5) if ends else (0.01, 10.0)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [s * 10.0**d for d in decades for s in (STEPS if high / low < 12 else STEPS_WIDE)]
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.milliseconds(value)))
