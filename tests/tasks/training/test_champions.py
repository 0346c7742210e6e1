from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_rel

from tasks.data import preparation
from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.errors import TrainingError
from tasks.records import Artifact, Model, PreparedData, TrainedModel, Untrained
from tasks.store import Store
from tasks.training.champions import champion, standing, tied
from tasks.training.families import Constant, Forest, Linear
from tasks.training.metrics import estimate
from tasks.training.reference import keep_answers
from tasks.training.settings import TrainingSettings
from tasks.training.tuning import search


def answered(truth: NDArray[np.int64], wrong: slice, classes: int) -> NDArray[np.float32]:
    """Sure answers, wrong in these rows."""
    called = truth.copy()
    called[wrong] = (called[wrong] + 1) % classes
    return np.eye(classes, dtype=np.float32)[called]


def model(name: str, size: int, truth: NDArray[np.int64], answers: NDArray[np.float32], store: Store,
          primary: str = "accuracy") -> TrainedModel:
    there = Artifact(uri=f"file:///{name}", sha256="0" * 64, size_bytes=size)
    return TrainedModel(family=name, model=Model(form="sklearn", artifact=there), params={}, primary=primary,
                        metrics={primary: estimate(primary, truth, answers)}, answers=keep_answers(answers, store),
                        trials=1, seed=0, threads=1)


@pytest.mark.parametrize(("wrong", "expected"), [(1, "small"), (2, "large")])
def test_the_smallest_of_the_tied_is_the_champion(wrong: int, expected: str, digits: PreparedData,
                                                  store: Store) -> None:
    """At 80 %, one row that only the best has right may be chance; two are not: 2 > 1.28 √2."""
    truth = preparation.target(preparation.load(digits.validation, store), digits.data_schema).astype(np.int64)
    models = [model("small", 10, truth, answered(truth, slice(0, wrong), 10), store),
              model("large", 1000, truth, answered(truth, slice(0, 0), 10), store),
              model("huge", 9000, truth, answered(truth, slice(0, 1), 10), store),
              model("tiny", 1, truth, answered(truth, slice(0, 60), 10), store)]
    assert champion(models, digits, store).family == expected
    assert champion(models[::-1], digits, store).family == expected


def test_no_models_have_no_champion(digits: PreparedData, store: Store) -> None:
    with pytest.raises(TrainingError, match="not 0 models by none"):
        champion([], digits, store)


def test_models_judged_by_different_metrics_have_none(digits: PreparedData, store: Store) -> None:
    truth = preparation.target(preparation.load(digits.validation, store), digits.data_schema).astype(np.int64)
    perfect = answered(truth, slice(0, 0), 10)
    models = [model("a", 1, truth, perfect, store), model("b", 1, truth, perfect, store, primary="f1")]
    with pytest.raises(TrainingError, match=r"\['accuracy', 'f1'\]"):
        champion(models, digits, store)


def test_a_family_without_a_model_is_left_out_while_others_stand(digits: PreparedData, store: Store) -> None:
    truth = preparation.target(preparation.load(digits.validation, store), digits.data_schema).astype(np.int64)
    null, other = (model(name, 1, truth, answered(truth, slice(0, 5), 10), store) for name in ("constant", "linear"))
    failed = Untrained(family="mlp", reason="the loss was nan", trials=2)
    assert standing([null, failed, other]) == ([null, other], [failed])
    assert standing([null]) == ([null], [])
    for left in ([failed], [null, failed]):
        with pytest.raises(TrainingError, match=r"no family is left[\s\S]*the loss was nan"):
            standing(left)


@pytest.fixture
def noise(store: Store, tmp_path: Path) -> PreparedData:
    """700 rows of 60 numbers that say nothing of the target: 65 of a hundred are a."""
    draw = np.random.default_rng(6)
    frame = pd.DataFrame(draw.normal(size=(700, 60))).add_prefix("x")
    frame["target"] = np.where(draw.random(700) < 0.65, "a", "b")
    frame.to_csv(tmp_path / "noise.csv", index=False)
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(tmp_path / "noise.csv")}})
    return prepare(collect(settings, store), settings, store)


@pytest.mark.parametrize("primary", ["accuracy", "log_loss", "roc_auc"])
def test_of_noise_nobody_is_champion(primary: str, noise: PreparedData, store: Store) -> None:
    conf = TrainingSettings(trials=2, primary=primary)
    models = [search(family, noise, conf, store) for family in (Constant(), Linear(), Forest(trees=20, trials=2))]
    with pytest.raises(TrainingError, match=rf"no family is shown .* validation rows {primary} is 0\.\d+ for it and "):
        champion(models, noise, store)
    assert champion(models[:1], noise, store) == models[0]


@pytest.mark.parametrize(("better", "expected"), [(3, None), (4, "small"), (8, "small"), (20, "large")])
def test_the_null_is_beaten_before_anybody_is_champion(better: int, expected: str | None, digits: PreparedData,
                                                       store: Store) -> None:
    """It is the smallest and tied with the small one, and still not chosen: 3 < 1.96 √3, 4 > 1.96 √4."""
    truth = preparation.target(preparation.load(digits.validation, store), digits.data_schema).astype(np.int64)
    models = [model("constant", 1, truth, answered(truth, slice(0, 30), 10), store),
              model("small", 10, truth, answered(truth, slice(0, 30 - min(better, 8)), 10), store),
              model("large", 1000, truth, answered(truth, slice(0, 30 - better), 10), store)]
    if expected:
        assert champion(models, digits, store).family == expected
        return
    with pytest.raises(TrainingError, match="no family is shown to say more"):
        champion(models, digits, store)


@pytest.mark.parametrize("shift", [0.2, 0.3, 0.4, 0.5])
def test_means_of_rows_tie_as_the_paired_test_says(shift: float) -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=300)
    best = truth + draw.normal(0, 1, 300)
    other = truth + draw.normal(0, 1 + shift, 300)
    test = ttest_rel(np.abs(truth - best), np.abs(truth - other))
    assert tied("mae", truth, best, other) == (test.pvalue > 0.05)


@pytest.mark.parametrize(("name", "noise", "expected"), [("rmse", 1.02, True), ("rmse", 1.6, False),
                                                         ("r2", 1.02, True), ("r2", 1.6, False)])
def test_other_metrics_tie_by_bootstrap(name: str, noise: float, expected: bool) -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=300)
    off = draw.normal(size=300)
    assert tied(name, truth, truth + off, truth + noise * draw.permutation(off)) is expected


def test_a_model_is_tied_with_itself() -> None:
    truth = np.arange(50) % 2
    answers = np.eye(2, dtype=np.float32)[truth]
    assert all(tied(name, truth, answers, answers) for name in ("accuracy", "log_loss", "f1", "roc_auc"))
