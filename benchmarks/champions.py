"""How good champions are on published data, beside what scikit-learn's own default models give on the same rows.

Training only: the families are searched as a run does, two at a time, and the champion by validation is judged on the
test rows, which nothing else has seen. The default models learn from train and validation rows together.

    .venv/bin/python benchmarks/champions.py [--quick]

The public data sets lie in the folder that FARRIER_TEST_DATA names, by default ../shared/data.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from harness import Figure, run
from numpy.typing import NDArray

from tasks.data import preparation
from tasks.data.collection import collect
from tasks.data.settings import DataSettings
from tasks.processes import warm_up
from tasks.records import PreparedData, TrainedModel
from tasks.store import CHECKOUT, Store
from tasks.training import metrics, reference
from tasks.training.champions import champion
from tasks.training.settings import TrainingSettings
from tasks.training.tuning import tune

DATA = Path(os.environ.get("FARRIER_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
SEEDS = 5
TREES, NETWORK = ("forest", "boosting"), "mlp"
ADULT = ("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
         "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income")
Scores = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A data set as conf would name it, and how its families are searched."""

    data: dict[str, Any]
    training: dict[str, Any]


CASES = {
    "adult": Case(
        {"source": {"kind": "file", "path": [str(DATA / "adult-train.csv"), str(DATA / "adult-test.csv")],
                    "origin": "part", "header": False, "names": ADULT, "missing": ["?"], "strip_spaces": True},
         "target": "income", "columns": {"income": {"strip": "."}},
         "split": {"kind": "given", "column": "part", "tests": ["adult-test.csv"], "validation": 0.1}},
        {"primary": "log_loss"}),
    "mnist": Case(
        {"source": {"kind": "idx", "images": str(DATA / "t10k-images-idx3-ubyte.gz"),
                    "labels": str(DATA / "t10k-labels-idx1-ubyte.gz")},
         "input": "image", "shape": [28, 28], "columns": {"pixel_*": {"low": 0, "high": 255}},
         "split": {"kind": "given", "last": 2000, "validation": 0.1}},
        {"families": [{"kind": "constant"}, {"kind": "cnn"}], "threads": 2}),
    "weather": Case(
        {"source": {"kind": "file", "path": str(DATA / "weather.csv")}, "split": {"kind": "given", "last": 3632}},
        {"primary": "balanced_accuracy"}),
    "pollution": Case(
        {"source": {"kind": "file", "path": str(DATA / "pollution.csv"), "missing": ["NA"]}, "target": "pm2.5",
         "task": "regression", "split": {"kind": "time", "column": "No", "validation": 0.2, "test": 0.2}},
        {"primary": "rmse"}),
}


@dataclass(frozen=True)
class Result:
    """What one search gave on the test rows: the champion, every family, and how long it took."""

    best: str
    families: dict[str, Scores]
    seconds: float
    defaults: dict[str, Scores] = field(default_factory=dict)

    @property
    def champion(self) -> Scores:
        return self.families[self.best]


def measure(quick: bool) -> tuple[str, Sequence[Figure]]:
    """The four sets; quick: MNIST by one seed."""
    if not DATA.is_dir():
        raise SystemExit(f"the public data sets are not in {DATA}: name their folder in FARRIER_TEST_DATA.")
    warm_up()
    with tempfile.TemporaryDirectory(prefix="farrier-champions-") as home:
        os.environ["FARRIER_HOME"] = home
        figures = [*adult(), *weather(), *pollution(), *mnist(1 if quick else SEEDS)]
    return f"test rows as published or last in order; MNIST by {1 if quick else SEEDS} seeds", figures


def adult() -> Iterator[Figure]:
    """Published test file: boosting reaches an error of 12.5 to 13 % and an area of about .928 on it."""
    found = searched("adult")
    error = {name: 100 * (1 - scores["accuracy"]) for name, scores in found.families.items()}
    yield Figure("adult: champion's test error", error[found.best], "%", bar=12.8, at_most=True)
    yield Figure("adult: champion's ROC AUC", found.champion["roc_auc"], bar=0.927)
    yield Figure("adult: network's error over the best trees'", error[NETWORK] - min(error[kind] for kind in TREES),
                 "points", bar=1.0, at_most=True)
    yield Figure("adult: search", found.seconds, "s", bar=300, at_most=True)
    yield from _defaults("adult", found, "accuracy")


def weather() -> Iterator[Figure]:
    """Daily readings in order of time: the last fifth is test. The defaults weigh rows alike, our families classes."""
    found = searched("weather")
    best = max(scores["balanced_accuracy"] for scores in found.defaults.values())
    yield Figure("weather: champion's balanced accuracy over the best default's",
                 100 * (found.champion["balanced_accuracy"] - best), "points", bar=1.0)
    for family, scores in found.families.items():  # the champion is the smallest of those tied on validation
        yield Figure(f"weather: {family}'s balanced accuracy", scores["balanced_accuracy"])
    yield from _defaults("weather", found, "balanced_accuracy")


def pollution() -> Iterator[Figure]:
    """Hourly readings: the last fifth is test. No column tells of the hours before, which is what weighs most."""
    found = searched("pollution")
    boosting = found.defaults["HistGradientBoostingRegressor"]["rmse"]
    yield Figure("pollution: champion's RMSE over default boosting's", found.champion["rmse"] / boosting, "×", bar=0.9,
                 at_most=True)
    yield Figure("pollution: champion's RMSE", found.champion["rmse"])
    yield Figure("pollution: default boosting's RMSE, told the target an hour before", told_the_past())
    yield from _defaults("pollution", found, "rmse")


def mnist(seeds: int) -> Iterator[Figure]:
    """8,000 images to learn from, 2,000 to judge by."""
    found = [searched("mnist", seed) for seed in range(seeds)]
    yield Figure("mnist: champion's accuracy, mean", float(np.mean([one.champion["accuracy"] for one in found])),
                 bar=0.992)
    yield Figure("mnist: champion's accuracy, least", min(one.champion["accuracy"] for one in found))
    yield Figure("mnist: longest search", max(one.seconds for one in found), "s", bar=240, at_most=True)


def _defaults(name: str, found: Result, metric: str) -> Iterator[Figure]:
    for model, scores in found.defaults.items():
        yield Figure(f"{name}: {model}'s {metric}", scores[metric])


def searched(name: str, seed: int = 0) -> Result:
    """Every family of a case, its champion, and the default models on the same rows (not of images: they are many)."""
    store, case = Store(), CASES[name]
    conf = DataSettings.model_validate(case.data)
    training = TrainingSettings.model_validate({**case.training, "seed": seed})
    prepared = preparation.prepare(collect(conf, store), conf, store)
    suited = [family for family in training.families if family.suits(prepared.data_schema)]
    begun = time.monotonic()
    with ThreadPoolExecutor(max(1, 2 // training.threads)) as pool:
        models = list(pool.map(lambda family: tune(family, prepared, training, store), suited))
    best = champion(models, prepared, store)
    took = time.monotonic() - begun
    tested = {model.family: _on_test(model, prepared, store) for model in models}
    result = Result(best.family, tested, took, {} if name == "mnist" else defaults(prepared, store))
    print(f"{name} {seed}: {best.family} of {tested}, {took:.0f} s; defaults {result.defaults}", flush=True)
    return result


def _on_test(model: TrainedModel, prepared: PreparedData, store: Store) -> Scores:
    test = preparation.load(prepared.test, store)
    return _scores(preparation.target(test, prepared.data_schema),
                   reference.answers(model.model, test, prepared.data_schema, store), prepared)


def _scores(truth: NDArray[Any], answers: NDArray[Any], prepared: PreparedData) -> Scores:
    return {name: round(metrics.score(name, truth, np.asarray(answers, np.float32)), 5)
            for name in metrics.metrics_of(prepared.data_schema.task)}


def defaults(prepared: PreparedData, store: Store) -> dict[str, Scores]:
    """scikit-learn's models as they come, on the transformed rows: categories one-hot, numbers standardized."""
    schema = prepared.data_schema
    learned = pd.concat([preparation.load(part, store) for part in (prepared.train, prepared.validation)])
    test = preparation.load(prepared.test, store)
    prepare = preparation.transformer(schema).fit(preparation.typed(learned, schema))
    rows, asked = (prepare.transform(preparation.typed(frame, schema)) for frame in (learned, test))
    target, truth = preparation.target(learned, schema), preparation.target(test, schema)
    fitted = [model.fit(rows, target) for model in _as_they_come(regression=not schema.classes)]
    return {type(model).__name__: _scores(truth, model.predict_proba(asked) if schema.classes else model.predict(asked),
                                          prepared) for model in fitted}


def _as_they_come(*, regression: bool) -> list[Any]:
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if regression:
        return [HistGradientBoostingRegressor(random_state=0), RandomForestRegressor(random_state=0, n_jobs=2), Ridge(),
                MLPRegressor(random_state=0)]
    return [HistGradientBoostingClassifier(random_state=0), RandomForestClassifier(random_state=0, n_jobs=2),
            LogisticRegression(max_iter=500), MLPClassifier(random_state=0)]


def told_the_past() -> float:
    """RMSE on pollution's last fifth of boosting that also reads the hour before: what the columns do not hold."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    frame = pd.read_csv(DATA / "pollution.csv")
    frame["before"] = frame["pm2.5"].shift(1)
    frame = pd.get_dummies(frame.dropna(subset=["pm2.5"]), columns=["cbwd"]).drop(columns="No").astype(float)
    cut = int(0.8 * len(frame))
    rows, target = frame.drop(columns="pm2.5"), frame["pm2.5"]
    model = HistGradientBoostingRegressor(random_state=0).fit(rows[:cut], target[:cut])
    return float(np.sqrt(np.mean((model.predict(rows[cut:]) - target[cut:]) ** 2)))


if __name__ == "__main__":
    run("champions", measure)
