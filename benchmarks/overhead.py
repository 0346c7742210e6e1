"""What a person waits for: the first and the second run of the embedded project, help, and what orchestration adds.

Each round runs the project in an empty home, again in the same home, and the same work as plain functions
(benchmarks/plain.py), one after the other as whole processes. The ratio is taken round by round.

    .venv/bin/python benchmarks/overhead.py [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import Figure, run

UNUSUAL = "PYTHONDONTWRITEBYTECODE"  # where it is set each process compiles what it imports, which nobody waits for
ROOT = Path(__file__).resolve().parent.parent
FARRIER = [sys.executable, "-m", "farrier"]
PLAIN = [sys.executable, str(ROOT / "benchmarks" / "plain.py")]


def measure(quick: bool) -> tuple[str, Sequence[Figure]]:
    """Seconds of whole processes, and the ratio of orchestrated to plain work."""
    rounds = [_round() for _ in range(1 if quick else 3)]
    helps = [_seconds([*FARRIER, "--help"]) for _ in range(5 if quick else 20)]
    first, second, plain, candidates = ([round_[place] for round_ in rounds] for place in range(4))
    ratios = [f / p for f, p in zip(first, plain, strict=True)]
    figures = [
        Figure("candidates", min(candidates), bar=12),
        Figure("first run", _middle(first), "s", min(first), max(first), bar=120, at_most=True),
        Figure("second run", _middle(second), "s", min(second), max(second), bar=25, at_most=True),
        Figure("the same work as plain functions", _middle(plain), "s", min(plain), max(plain)),
        Figure("first run / plain", _middle(ratios), "×", min(ratios), max(ratios), bar=1.25, at_most=True),
        Figure("farrier --help", _middle(helps), "s", min(helps), max(helps)),
        Figure("farrier --help, median", _middle(helps), "s", bar=0.4, at_most=True),
    ]
    return f"project digits, {len(rounds)} round(s); intervals are the least and the most", figures


def _round() -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory(prefix="farrier-overhead-") as home:
        first = _seconds([*FARRIER, "run", "digits", "--json"], home)
        second = _seconds([*FARRIER, "run", "digits", "--json"], home)
        candidates = _candidates(Path(home))
    return first, second, _seconds([*PLAIN, "digits"]), candidates


def _seconds(command: list[str], home: str = "") -> float:
    begun = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name != UNUSUAL}
    environment |= {"FARRIER_HOME": home} if home else {}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.monotonic() - begun


def _candidates(home: Path) -> float:
    """How many candidates the runs had, by the first one's summary."""
    (summary, *_) = sorted((home / "state" / "runs" / "digits").glob("*/summary.json"))
    return float(json.loads(summary.read_text())["candidates"])


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    run("overhead", measure)
