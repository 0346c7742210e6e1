"""How numbers and nouns read: units that suit their size, shares as percent, techniques and families in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tasks.records import Estimate, Miss

SHARES = frozenset({"accuracy", "balanced_accuracy", "f1"})
TECHNIQUES = {
    "keep": "unoptimized", "quantize": "quantized", "prune": "pruned", "distill": "distilled", "trim": "trimmed",
}
FAMILIES = {
    "linear": "linear model", "forest": "random forest", "boosting": "boosted trees", "mlp": "network",
    "cnn": "convolutional network", "constant": "constant answer",
}
QUANTITIES = {
    "latency_p50_ms": "p50 latency", "latency_p99_ms": "p99 latency", "throughput_per_s": "throughput",
    "memory_bytes": "memory", "size_bytes": "size", "cpu_s_per_1000": "CPU time per 1,000",
}
AT_MOST = frozenset({"latency_p50_ms", "latency_p99_ms", "cpu_s_per_1000"})  # measured, with an interval
AT_LEAST = frozenset({"throughput_per_s", "planned power"})
DROPS = ("bound of the drop", "certification of")
NOTHING = "—"
WIDEST = 1e300
TIMES = "\N{MULTIPLICATION SIGN}"


def better(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is.

    >>> better("accuracy"), better("rmse")
    (1, -1)
    """
    from tasks.training.metrics import METRICS

    return -1 if metric in METRICS and not METRICS[metric].higher_is_better else 1


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands separated, never in scientific notation.

    >>> number(12345.6), number(0.01234), number(98.0)
    ('12,346', '0.0123', '98')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "without bound"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def milliseconds(value: float) -> str:
    """A latency in the unit that suits it.

    >>> milliseconds(0.0241), milliseconds(6.1), milliseconds(2500.0)
    ('24.1 µs', '6.1 ms', '2.5 s')
    """
    unit, scale = ("µs", 1e3) if value < 1 else ("ms", 1.0) if value < 1000 else ("s", 1e-3)
    return f"{number(value * scale)} {unit}"


def seconds(value: float) -> str:
    """A span of work in the unit that suits it.

    >>> seconds(0.0062), seconds(83.0), seconds(4000.0)
    ('6.2 ms', '1 min 23 s', '1 h 6 min')
    """
    if value < 60:
        return f"{number(value)} s" if value >= 1 else milliseconds(value * 1000)
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def size(value: float) -> str:
    """Bytes in decimal units.

    >>> size(812), size(41_300), size(2_500_000)
    ('812 B', '41.3 kB', '2.5 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(value) >= scale:
            return f"{number(value / scale)} {unit}"
    return f"{value:.0f} B"


def factor(value: float | None) -> str:
    """How many times; None is not measured.

    >>> factor(4.08).split()[0], factor(None)
    ('4.1', '—')
    """
    if value is None:
        return NOTHING
    return f"{number(value, 2 if abs(value) < 10 else 3)} {TIMES}"


def score(value: float, metric: str) -> str:
    """A metric's value: shares as percent, others as they are.

    >>> score(0.98912, "accuracy"), score(0.98912, "roc_auc"), score(12.3456, "rmse")
    ('98.9 %', '0.9891', '12.35')
    """
    return f"{100 * value:.1f} %" if metric in SHARES else number(value, 4)


def interval(estimate: Estimate, metric: str) -> str:
    """An estimate's interval alone.

    >>> interval(Estimate(value=.989, low=.974, high=.995, method="wilson", n=450), "accuracy")
    '[97.4, 99.5]'
    """
    ends = (estimate.low, estimate.high)
    low, high = (f"{100 * e:.1f}" if metric in SHARES and math.isfinite(e) else number(e, 4) for e in ends)
    return f"[{low}, {high}]"


def quality(estimate: Estimate, metric: str) -> str:
    """A metric's value with its interval."""
    return f"{score(estimate.value, metric)} {interval(estimate, metric)}"


def points(value: float, metric: str) -> str:
    """A difference of two values of a metric.

    >>> points(0.01314, "accuracy"), points(0.01, "accuracy"), points(0.25, "rmse")
    ('1.31 points', '1 point', '0.25')
    >>> points(1e308, "accuracy")  # as wide as a number can be: nothing is known
    'none'
    """
    if abs(value) > WIDEST:
        return "none"
    if metric not in SHARES or not math.isfinite(value):
        return number(value, 3)
    text = f"{100 * value:.2f}".rstrip("0").rstrip(".")
    return f"{text} point" if text in ("1", "-1") else f"{text} points"


def ends(estimate: Estimate, show: Callable[[float], str]) -> str:
    """An estimate's interval as `show` writes it; the unit is left out where it is the value's own.

    >>> ends(Estimate(value=.95, low=.9, high=1.1, method="bootstrap", n=7), milliseconds)
    '[900, 1.1 ms]'
    """
    unit = show(estimate.value).rpartition(" ")[2]
    low, high = (show(end).removesuffix(f" {unit}") for end in (estimate.low, estimate.high))
    return f"[{low}, {high}]"


def rate(value: float) -> str:
    """Answers a second.

    >>> rate(9000), rate(131_829), rate(5_849_022)
    ('9,000 /s', '132k /s', '5.85M /s')
    """
    for letter, scale in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= scale * (1 if letter == "M" else 10):
            return f"{number(value / scale)}{letter} /s"
    return f"{number(value)} /s"


def quantity(what: str, value: float | str) -> str:
    """The value of a budget in the unit that its name ends in.

    >>> quantity("size_bytes", 41_300), quantity("latency_p99_ms", 0.5), quantity("evidence", "modelled")
    ('41.3 kB', '500 µs', 'modelled')
    """
    if isinstance(value, str):
        return value
    if what.endswith("_bytes"):
        return size(value)
    if what.endswith("_ms"):
        return milliseconds(value)
    if what.startswith("cpu_s"):
        return seconds(value)
    return rate(value) if what.endswith("_per_s") else number(value)


def name_of(what: str) -> str:
    """A budget's or gate's name in words.

    >>> name_of("latency_p50_ms"), name_of("paired_bound")
    ('p50 latency', 'paired bound')
    """
    return QUANTITIES.get(what, what.replace("_", " "))


def missed(miss: Miss, metric: str = "") -> str:
    """What was missed, the value and what is allowed; drops of quality read as the metric's points where it is known.

    >>> missed(Miss(what="size_bytes", value=41_300, allowed=20_000))
    'size 41.3 kB, allowed 20 kB'
    >>> missed(Miss(what="bound of the drop", value=0.0441, allowed=0.02), "accuracy")
    'bound of the drop 4.41 points, allowed 2 points'
    >>> missed(Miss(what="latency_p99_ms", value=2.31, allowed=1))  # the worse end of its interval
    'p99 latency up to 2.31 ms, allowed 1 ms'
    >>> missed(Miss(what="latency_p99_ms", value=2.31, allowed=1, likely=0.03))
    'p99 latency 30 µs, but up to 2.31 ms, allowed 1 ms'
    >>> missed(Miss(what="planned power", value=0.797, allowed=0.8))
    'planned power 79%, at least 80%'
    """
    allowed = "at least" if miss.what in AT_LEAST else "allowed"
    value, limit = (_against(miss.what, amount, metric) for amount in (miss.value, miss.allowed))
    likely = "" if miss.likely is None else f"{_against(miss.what, miss.likely, metric)}, but "
    return f"{name_of(miss.what)} {likely}{_end(miss)}{value}, {allowed} {limit}"


def _end(miss: Miss) -> str:
    """Which end of an interval a measured number is that was held against a budget."""
    if isinstance(miss.value, str):
        return ""
    return "down to " if miss.what.endswith("_per_s") else "up to " if miss.what in AT_MOST else ""


def _against(what: str, value: float | str, metric: str) -> str:
    if isinstance(value, str):
        return value
    if what == "planned power":
        return f"{math.floor(100 * value + 1e-9)}%"  # what falls short of 80 % is never called so
    return points(value, metric) if metric and what.startswith(DROPS) else quantity(what, value)


def model(kinds: Sequence[str], family: str) -> str:
    """A candidate in plain words, by its techniques and its family.

    >>> model(["prune", "quantize"], "mlp"), model([], "forest"), model(["fold"], "moe")
    ('pruned and quantized network', 'unoptimized random forest', 'fold moe')
    """
    done = [TECHNIQUES.get(kind, kind) for kind in dict.fromkeys(kinds) if kind != "keep" or len(kinds) == 1]
    return f"{listed(done) or TECHNIQUES['keep']} {FAMILIES.get(family, family)}"


def listed(parts: Sequence[str]) -> str:
    """Parts as one reads them out.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def moment(text: str) -> str:
    """An ISO 8601 time as one reads it; text that is no time stays as it is.

    >>> moment("2026-03-01T12:00:00.123+00:00"), moment("soon")
    ('2026-03-01 12:00:00 UTC', 'soon')
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return text


def counted(count: int, noun: str) -> str:
    """A count and its noun.

    >>> counted(1, "row"), counted(1797, "row")
    ('1 row', '1,797 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
