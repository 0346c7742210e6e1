"""What every benchmark shares: figures with their bars, a table, a last line of JSON, and exit code 1 for a miss."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.deployment.hardware import fingerprint

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One number, with its interval where it has one; `bar` is what it must reach (or, `at_most`, not exceed).

    Where there is an interval its worse end is what counts. A figure that is not a number never holds.
    """

    what: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    bar: float | None = None
    at_most: bool = False

    @property
    def holds(self) -> bool | None:
        """None where there is no bar."""
        if self.bar is None:
            return None
        worst = (self.high if self.at_most else self.low) if self.low is not None else self.value
        if worst is None or not math.isfinite(worst):
            return False
        return worst <= self.bar if self.at_most else worst >= self.bar

    def json(self) -> dict[str, Any]:
        """The figure as plain data; what is not a finite number is null."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, "bar": self.bar}
        plain = {name: number if number is None or math.isfinite(number) else None for name, number in numbers.items()}
        return {"what": self.what, "unit": self.unit, **plain, "at_most": self.at_most, "holds": self.holds}


Measure = Callable[[bool], tuple[str, Sequence[Figure]]]


def run(name: str, measure: Measure) -> None:
    """Measure, print, keep a full run's result, and leave with 0, or 1 where a bar was missed.

    `measure(quick)` gives a line that says on what it measured, and its figures.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything; the result is not kept")
    quick = parser.parse_args().quick
    setting, figures = measure(quick)
    result = {"benchmark": name, "quick": quick, "on": setting, "figures": [figure.json() for figure in figures],
              "holds": all(figure.holds is not False for figure in figures),
              "machine": fingerprint().model_dump(mode="json")}
    if not quick:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"{name}: {setting}\n{table(figures)}\n{json.dumps(result)}")
    sys.exit(0 if result["holds"] else 1)


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines of text."""
    lines = [("figure", "value", "interval", "bar", ""), *map(_line, figures)]
    widths = [max(len(line[place]) for line in lines) for place in range(5)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)


def _line(figure: Figure) -> tuple[str, str, str, str, str]:
    interval = "" if figure.low is None or figure.high is None else f"[{figure.low:.4g}, {figure.high:.4g}]"
    bar = "" if figure.bar is None else f"{'≤' if figure.at_most else '≥'} {figure.bar:g}"
    word = {True: "holds", False: "MISSED", None: ""}[figure.holds]
    return figure.what, f"{figure.value:.4g} {figure.unit}".strip(), interval, bar, word
