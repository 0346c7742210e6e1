from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from tasks.errors import TrainingError
from tasks.training.folds import Fold
from tasks.training.pipelines import ask, fit_pipeline, load_sklearn, save_sklearn


def test_equal_models_are_equal_bytes(folds: dict[str, Fold], tmp_path: Path) -> None:
    for number in (1, 2):
        save_sklearn(fit_pipeline(RandomForestClassifier(5, random_state=1), folds["mixed"]).model,
                     tmp_path / f"{number}.skops")
    save_sklearn(load_sklearn(tmp_path / "1.skops"), tmp_path / "3.skops")
    first, again, reread = ((tmp_path / f"{number}.skops").read_bytes() for number in (1, 2, 3))
    assert first == again
    assert first == reread


def test_different_models_are_different_bytes(folds: dict[str, Fold], tmp_path: Path) -> None:
    for seed in (1, 2):
        save_sklearn(fit_pipeline(RandomForestClassifier(5, random_state=seed), folds["mixed"]).model,
                     tmp_path / f"{seed}.skops")
    assert (tmp_path / "1.skops").read_bytes() != (tmp_path / "2.skops").read_bytes()


def test_a_kept_pipeline_answers_alike(folds: dict[str, Fold], tmp_path: Path) -> None:
    data = folds["mixed"]
    fitted = fit_pipeline(LogisticRegression(), data)
    save_sklearn(fitted.model, tmp_path / "model.skops")
    found = ask(load_sklearn(tmp_path / "model.skops"), data.validation, data.schema)
    np.testing.assert_array_equal(found, fitted.answers)
    assert found.dtype == np.float32


def test_a_type_that_is_not_trusted_is_not_loaded(folds: dict[str, Fold], tmp_path: Path) -> None:
    fitted = fit_pipeline(LogisticRegression(), folds["mixed"]).model
    save_sklearn(fitted, tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as good, zipfile.ZipFile(tmp_path / "evil.skops", "w") as evil:
        for name in good.namelist():
            evil.writestr(name, good.read(name).replace(b'"LogisticRegression"', b'"system"')
                          .replace(b'"sklearn.linear_model._logistic"', b'"os"'))
    with pytest.raises(TrainingError, match=r"evil\.skops holds types that farrier does not trust.*os\.system"):
        load_sklearn(tmp_path / "evil.skops")


def test_a_refused_hyper_parameter_is_an_error(folds: dict[str, Fold]) -> None:
    with pytest.raises(TrainingError, match=r"KNeighborsClassifier cannot be fitted.*n_neighbors"):
        fit_pipeline(KNeighborsClassifier(n_neighbors=-1), folds["cancer"])
