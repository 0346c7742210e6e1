"""Which measured candidates are beaten in everything, and which are tied with the best by a rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from tasks.deployment.settings import Rule
from tasks.records import Estimate, Measurement

ROUNDS_OF: dict[Rule, str] = {
    "cpu_s_per_1000": "cpu_s_per_1000", "latency_p50_ms": "p50_ms", "latency_p99_ms": "p99_ms",
    "throughput_per_s": "throughput_per_s",
}
COSTS: tuple[Rule, ...] = (
    "latency_p50_ms", "latency_p99_ms", "throughput_per_s", "memory_bytes", "size_bytes", "cpu_s_per_1000"
)
TIE_LEVEL = 0.95


def unmeasured(measured: Measurement) -> tuple[str, ...]:
    """The names of figures that are no finite numbers, or sizes of nothing: nothing can be said of who has one."""
    values = {"quality": measured.quality.value} | {rule: cost(measured, rule) for rule in COSTS}
    return tuple(name for name, value in values.items()
                 if not math.isfinite(value) or (name.endswith("_bytes") and value <= 0))


def dominated(measured: Sequence[Measurement], *, higher_is_better: bool) -> frozenset[str]:
    """Those that another equals in every figure and beats in one: quality, speed, memory, size and cost."""
    sign = -1.0 if higher_is_better else 1.0
    figures = np.array([[sign * m.quality.value, *(cost(m, rule) for rule in COSTS)] for m in measured])
    return frozenset(m.candidate for m, own in zip(measured, figures, strict=True)
                     if np.any(np.all(figures <= own, axis=1) & np.any(figures < own, axis=1)))


def tied_with_best(measured: Sequence[Measurement], rule: Rule) -> tuple[str, ...]:
    """The names of the best by the rule and of those whose rounds cannot be told from its; none of none."""
    if not measured:
        return ()
    best = min(measured, key=lambda m: (cost(m, rule), m.candidate))
    return tuple(m.candidate for m in measured if m is best or tied(m, best, rule))


def tied(one: Measurement, other: Measurement, rule: Rule) -> bool:
    """Whether Student's interval of their difference, round by round, holds zero; sizes and memory tie when equal.

    The rounds were interleaved, so that a disturbance of the machine fell on both and leaves their difference alone.
    """
    if rule not in ROUNDS_OF:
        return cost(one, rule) == cost(other, rule)
    ours, theirs = (np.array(m.rounds.get(ROUNDS_OF[rule], ())) for m in (one, other))
    if len(ours) != len(theirs) or len(ours) < 2:
        return False
    difference = ours - theirs
    half = stats.t.ppf((1 + TIE_LEVEL) / 2, len(ours) - 1) * difference.std(ddof=1) / np.sqrt(len(ours))
    return bool(abs(difference.mean()) <= half)


def cost(measured: Measurement, rule: Rule) -> float:
    """The figure that the rule wants least of; throughput, of which it wants most, is negated."""
    figure = getattr(measured, rule)
    value = figure.value if isinstance(figure, Estimate) else float(figure)
    return -value if rule == "throughput_per_s" else value
