"""Made-up rows: the null source, for tests and for trying a project's settings without data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from tasks.data import tables
from tasks.data.sources._base import SNAPSHOT, Source
from tasks.records import TaskKind, digest_of

LEVELS = ("amber", "blue", "coral", "dune")


class Synthetic(Source):
    """Numbers from a bell curve, every third column a category, and a target that leans on all of them."""

    kind: Literal["synthetic"] = "synthetic"
    rows: int = Field(500, ge=1)
    columns: int = Field(6, ge=1)
    task: TaskKind = "binary"
    missing: float = Field(0.0, ge=0, lt=1, description="share of the cells that are missing")
    noise: float = Field(0.3, ge=0, description="of the target, against 1 for what the columns say")
    seed: int = 0

    def collect(self, folder: Path) -> Path:
        draw = np.random.default_rng(self.seed)
        signal = draw.normal(size=(self.rows, self.columns))
        score = signal @ draw.normal(size=self.columns) / np.sqrt(self.columns)
        answer = score + self.noise * draw.normal(size=self.rows)
        frame = pd.DataFrame({f"x{place}": _column(place, signal[:, place]) for place in range(self.columns)})
        holes = draw.random(frame.shape) < self.missing
        return tables.write(frame.mask(holes).assign(target=_answers(answer, self.task)), folder / SNAPSHOT)

    def identity(self) -> str:
        return digest_of([self.canonical(), np.__version__])


def _column(place: int, signal: npt.NDArray[np.float64]) -> npt.NDArray[np.generic]:
    """A number, or for every third column its quarter as a category."""
    if place % 3 != 2:
        return signal.round(6)
    return np.array(LEVELS, dtype=object)[np.searchsorted([-0.67, 0.0, 0.67], signal)]


def _answers(answer: npt.NDArray[np.float64], task: TaskKind) -> npt.NDArray[np.generic]:
    if task == "regression":
        return answer.round(6)
    edges, names = ([0.0], ("no", "yes")) if task == "binary" else ([-0.4, 0.4], ("low", "middle", "high"))
    return np.array(names, dtype=object)[np.searchsorted(edges, answer)]
