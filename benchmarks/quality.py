"""How good what is released is: the embedded projects over five seeds and salts.

Every draw varies both the splits (data.salt) and the training (training.seed) and runs the whole chain as plain
functions. The champion's accuracy is on the test rows, which nothing else has seen; sizes are those of the graphs.

    .venv/bin/python benchmarks/quality.py [--quick]
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from harness import Figure, run
from plain import Done, stages

from conf.settings import load
from tasks.data import preparation
from tasks.store import Store
from tasks.training import metrics, reference

DRAWS = 5


@dataclass(frozen=True)
class Draw:
    """What one seed and salt gave."""

    champion: float
    tiny: float
    smaller: float
    certified: bool


def measure(quick: bool) -> tuple[str, Sequence[Figure]]:
    """Accuracy, sizes and certified releases."""
    draws = range(1, 2 if quick else DRAWS + 1)
    digits = [draw("digits", number, "cpu-tiny") for number in draws]
    cancer = [draw("breast-cancer", number, "cpu-server") for number in draws]
    certified = round(0.8 * len(digits))
    return f"{len(digits)} seeds and salts; champions by validation, judged on test", [
        Figure("digits: champion's accuracy", float(np.mean([d.champion for d in digits])), bar=0.99),
        Figure("digits: cpu-tiny certified releases", sum(d.certified for d in digits), bar=certified),
        Figure("digits: cpu-tiny, least times smaller", min((d.smaller for d in digits if d.certified), default=0.0),
               "×", bar=3),
        Figure("digits: cpu-tiny, largest drop", max((d.champion - d.tiny for d in digits if d.certified), default=1.0),
               bar=0.01, at_most=True),
        Figure("breast-cancer: certified releases", sum(d.certified for d in cancer), bar=certified),
        Figure("breast-cancer: champion's accuracy", float(np.mean([d.champion for d in cancer]))),
    ]


def draw(project: str, number: int, target: str) -> Draw:
    """The whole chain for one target, with splits and seeds of its own."""
    with tempfile.TemporaryDirectory(prefix="farrier-quality-") as home:
        os.environ["FARRIER_HOME"] = home
        settings = load(project, [f"data.salt=salt-{number}", f"training.seed={number}"])
        wanted = tuple(one for one in settings.targets if one.name == target)
        done = stages(settings.model_copy(update={"targets": wanted}))
        (there,) = done.targets
        keep = next(c for c in done.candidates if c.recipe.start == "champion" and c.recipe.name == "keep")
        champion = _accuracy(reference.answers(done.champion.model, _test(done), done.prepared.data_schema, Store()),
                             done)
        tiny = there.verdict.overall.candidate if there.verdict else float("nan")
        size = there.candidate.size_bytes if there.candidate else keep.size_bytes
        print(f"{project} {number}: {done.champion.family} {champion:.4f}, {target}: {there.reason}"
              f" {there.candidate.name if there.candidate else ''} {tiny:.4f}, {keep.size_bytes / size:.2f} x smaller",
              flush=True)
        return Draw(champion, tiny, keep.size_bytes / size, there.release is not None)


def _test(done: Done) -> pd.DataFrame:
    return preparation.load(done.prepared.test, Store())


def _accuracy(answers: npt.NDArray[np.float32], done: Done) -> float:
    return metrics.score("accuracy", preparation.target(_test(done), done.prepared.data_schema), answers)


if __name__ == "__main__":
    run("quality", measure)
