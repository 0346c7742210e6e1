"""Real, small data that every stage's tests may use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.records import PreparedData
from tasks.store import CHECKOUT, Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store under a FARRIER_HOME of this test's own."""
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    return Store()


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The session's store, where the prepared sets lie; any other store can fetch them too."""
    return Store(tmp_path_factory.mktemp("shelf"))


def prepared(shelf: Store, **settings: object) -> PreparedData:
    data = DataSettings.model_validate(settings)
    return prepare(collect(data, shelf), data, shelf)


@pytest.fixture(scope="session")
def digits(shelf: Store) -> PreparedData:
    """1,797 images of 8 by 8 pixels, ten classes."""
    return prepared(shelf, source={"kind": "sklearn", "name": "digits"}, input="image", shape=(8, 8))


@pytest.fixture(scope="session")
def cancer(shelf: Store) -> PreparedData:
    """569 rows of 30 numbers, two classes: benign and malignant, in this order."""
    return prepared(shelf, source={"kind": "sklearn", "name": "breast_cancer"})


@pytest.fixture(scope="session")
def mixed(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """400 customers, two classes (no, yes): numbers and categories, both with missing values, a time, an identifier."""
    path = tmp_path_factory.mktemp("mixed") / "customers.csv"
    customers(400, seed=7).to_csv(path, index=False)
    return prepared(shelf, source={"kind": "file", "path": str(path)}, target="churned")


def customers(rows: int, *, seed: int) -> pd.DataFrame:
    """A made-up table whose answer leans on a number and a category."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "customer": [f"c{number:05d}" for number in range(rows)],
        "joined": pd.date_range("2024-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
        "age": draw.integers(18, 90, rows).astype(float),
        "spent": draw.lognormal(4, 1, rows).round(2),
        "plan": draw.choice(["basic", "family", "premium"], rows),
        "city": draw.choice(["Bern", "Genève", "Lugano", "Zürich"], rows, p=[0.4, 0.3, 0.2, 0.1]),
    })
    leaning = (frame["age"] - 54) / 15 + 2.0 * (frame["plan"] == "basic") - 1 + draw.normal(0, 0.7, rows)
    frame["churned"] = np.where(leaning > 0, "yes", "no")
    frame.loc[draw.random(rows) < 0.1, "age"] = np.nan
    frame.loc[draw.random(rows) < 0.1, "city"] = None
    return frame


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public data sets; the test is skipped where it is absent."""
    folder = Path(os.environ.get("FARRIER_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"needs the public data sets, which are not in {folder}: name their folder in FARRIER_TEST_DATA")
    return folder
