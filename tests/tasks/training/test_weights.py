from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.errors import TrainingError
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training.families import AnyFamily, Boosting, Forest, Linear, Mlp
from tasks.training.folds import fold
from tasks.training.metrics import score
from tasks.training.settings import TrainingSettings
from tasks.training.tuning import search


@pytest.fixture(scope="module")
def rare(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """900 rows of two numbers, one in ten of the class that is looked for; the classes overlap."""
    draw = np.random.default_rng(2)
    frame = pd.DataFrame(draw.normal(size=(900, 2)), columns=["x", "y"])
    frame["target"] = np.where(draw.random(900) < 0.1, "rare", "common")
    frame.loc[frame["target"] == "rare", "x"] += 1.5
    frame.to_csv(path := tmp_path_factory.mktemp("rare") / "rows.csv", index=False)
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(path)}})
    return prepare(collect(settings, shelf), settings, shelf)


def test_each_class_weighs_the_same(rare: PreparedData, shelf: Store) -> None:
    data = fold(rare, shelf, balanced=True)
    assert data.class_weights is not None
    totals = np.bincount(data.train_target) * data.class_weights
    np.testing.assert_allclose(totals, len(data.train) / 2, rtol=1e-6)
    assert fold(rare, shelf).class_weights is None


FAMILIES: list[AnyFamily] = [Linear(), Forest(trees=40, depth=4), Boosting(iterations=40), Mlp(hidden=(16,), epochs=15)]


def test_every_family_that_learns_is_weighed() -> None:
    kinds = {member.model_fields["kind"].default for member in get_args(get_args(AnyFamily)[0])}
    assert kinds - {family.kind for family in FAMILIES} == {"constant", "cnn"}  # cnn: the same code as mlp


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)
def test_weights_find_the_rare_class(family: AnyFamily, rare: PreparedData, shelf: Store) -> None:
    found = {}
    for balanced in (False, True):
        data = fold(rare, shelf, balanced=balanced)
        answers = family.fit(data, dict(family.first), seed=0, device="cpu").answers
        found[balanced] = score("balanced_accuracy", data.validation_target, answers)
    assert found[True] > found[False] + 0.05


@pytest.mark.parametrize(("primary", "weights", "expected"), [
    ("accuracy", "auto", False), ("balanced_accuracy", "auto", True), ("balanced_accuracy", "none", False),
    ("accuracy", "balanced", True)])
def test_the_metric_or_the_user_says_whether_classes_are_weighed(primary: str, weights: str, expected: bool) -> None:
    assert TrainingSettings.model_validate({"primary": primary, "weights": weights}).balanced is expected


def test_the_search_weighs_them(rare: PreparedData, store: Store) -> None:
    conf = TrainingSettings(trials=1, primary="balanced_accuracy")
    plain, weighed = (search(Linear(), rare, conf.model_copy(update={"weights": weights}), store)
                      for weights in ("none", "auto"))
    assert weighed.quality.value > plain.quality.value + 0.05


def test_numbers_have_no_classes_to_weigh(prices: PreparedData, store: Store) -> None:
    with pytest.raises(TrainingError, match="a regression has none"):
        search(Linear(), prices, TrainingSettings(primary="rmse", weights="balanced"), store)
