"""A regression, and the folds of the prepared sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.processes import set_threads
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training.folds import Fold, fold


@pytest.fixture(scope="session")
def prices(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """300 flats: a price of some hundred thousands from a size and a city, both with missing values."""
    draw = np.random.default_rng(11)
    frame = pd.DataFrame({"size": draw.uniform(20, 200, 300).round(1), "city": draw.choice(["Bern", "Zug"], 300)})
    frame["price"] = 3000 * frame["size"] + 200_000 * (frame["city"] == "Zug") + draw.normal(0, 20_000, 300)
    frame.loc[draw.random(300) < 0.05, "size"] = np.nan
    frame.loc[draw.random(300) < 0.05, "city"] = None
    path = tmp_path_factory.mktemp("prices") / "flats.csv"
    frame.to_csv(path, index=False)
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(path)}, "target": "price"})
    return prepare(collect(settings, shelf), settings, shelf)


@pytest.fixture(scope="session")
def folds(digits: PreparedData, cancer: PreparedData, mixed: PreparedData, prices: PreparedData,
          shelf: Store) -> dict[str, Fold]:
    """One fold of each kind: image and multiclass, binary, binary with categories and holes, regression."""
    every = {"digits": digits, "cancer": cancer, "mixed": mixed, "prices": prices}
    return {name: fold(prepared, shelf) for name, prepared in every.items()}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Fits of this size lose time to a second thread, most of all beside other work."""
    set_threads(1)
