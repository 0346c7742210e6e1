from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data import tables
from tasks.data.sources.sklearn import Sklearn


@pytest.mark.parametrize(("name", "shape", "labels"), [
    ("breast_cancer", (569, 31), {"benign", "malignant"}),
    ("digits", (1797, 65), set("0123456789")),
    ("iris", (150, 5), {"setosa", "versicolor", "virginica"}),
    ("wine", (178, 14), {"class_0", "class_1", "class_2"}),
])
def test_classes_have_names(tmp_path: Path, name: str, shape: tuple[int, int], labels: set[str]) -> None:
    frame = tables.read(Sklearn.model_validate({"name": name}).collect(tmp_path))
    assert frame.shape == shape
    assert set(frame["target"]) == labels


def test_columns_are_words(tmp_path: Path) -> None:
    frame = tables.read(Sklearn(name="iris").collect(tmp_path))
    assert frame.columns.tolist()[:2] == ["sepal_length_cm", "sepal_width_cm"]


def test_a_regression_has_numbers(tmp_path: Path) -> None:
    assert tables.read(Sklearn(name="diabetes").collect(tmp_path))["target"].dtype == "float64"


def test_digits_are_pixels_row_by_row(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    frame = tables.read(Sklearn(name="digits").collect(tmp_path))
    assert frame["pixel_2_5"].tolist() == load_digits().images[:, 2, 5].tolist()


def test_identity_tells_sets_apart() -> None:
    assert Sklearn(name="iris").identity() == Sklearn(name="iris").identity() != Sklearn(name="wine").identity()
