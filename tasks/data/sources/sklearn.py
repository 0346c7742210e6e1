"""The sets that scikit-learn ships: real rows without a download."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from tasks.data import tables
from tasks.data.sources._base import SNAPSHOT, Source, pixels
from tasks.records import digest_of


class Sklearn(Source):
    """One of scikit-learn's own sets; its classes by name, its answer in the column `target`.

    Digits come as pixel columns. Names of columns are words joined by underscores: `mean_radius`.
    """

    kind: Literal["sklearn"] = "sklearn"
    name: Literal["breast_cancer", "diabetes", "digits", "iris", "wine"]

    def collect(self, folder: Path) -> Path:
        from sklearn import datasets

        loaded = getattr(datasets, f"load_{self.name}")()
        frame = pixels(loaded.images) if "images" in loaded else _named(loaded)
        return tables.write(frame.assign(target=_answers(loaded)), folder / SNAPSHOT)

    def identity(self) -> str:
        from importlib.metadata import version

        return digest_of([self.canonical(), version("scikit-learn")])


def _named(loaded: Any) -> pd.DataFrame:
    names = [re.sub(r"\W+", "_", name).strip("_") for name in loaded.feature_names]
    return pd.DataFrame(loaded.data, columns=pd.Index(names))


def _answers(loaded: Any) -> Any:
    """The classes' names where there are classes, else the numbers."""
    names = loaded.get("target_names")
    return loaded.target if names is None else np.asarray(names).astype(str).astype(object)[loaded.target]
