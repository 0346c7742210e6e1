"""Small trained models of every family, on rows, images and a regression."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.records import Model, PreparedData, TrainedModel
from tasks.store import Store
from tasks.training import reference
from tasks.training.families import AnyFamily, Boosting, Cnn, Constant, Forest, Linear, Mlp
from tasks.training.folds import fold
from tasks.training.metrics import estimate

SMALL: dict[str, AnyFamily] = {
    "constant": Constant(), "linear": Linear(), "forest": Forest(trees=12), "boosting": Boosting(iterations=12),
    "mlp": Mlp(hidden=(24, 16), epochs=10), "cnn": Cnn(channels=(8, 12), pools=(1,), epochs=3),
}
Train = Callable[[str, PreparedData], TrainedModel]


@pytest.fixture(scope="session")
def diabetes(shelf: Store) -> PreparedData:
    """442 rows of 10 numbers, and a number to predict."""
    settings = DataSettings.model_validate({"source": {"kind": "sklearn", "name": "diabetes"}})
    return prepare(collect(settings, shelf), settings, shelf)


@pytest.fixture(scope="session")
def train(shelf: Store) -> Train:
    """A small model of a family, trained once for all tests."""
    made: dict[tuple[str, str], TrainedModel] = {}

    def train(family: str, prepared: PreparedData) -> TrainedModel:
        key = (family, prepared.digest())
        if key not in made:
            made[key] = _trained(SMALL[family], prepared, shelf)
        return made[key]

    return train


def _trained(family: AnyFamily, prepared: PreparedData, store: Store) -> TrainedModel:
    data = fold(prepared, store)
    params = family.first | ({"rate": 0.01, "dropout": 0.0} if family.yields == "torch" else {})
    fitted = family.fit(data, params, seed=0, device="cpu")
    primary = "accuracy" if data.schema.classes else "rmse"
    quality = estimate(primary, data.validation_target, fitted.answers)
    return TrainedModel(family=family.kind, model=reference.keep(fitted, store), params={}, primary=primary,
                        metrics={primary: quality}, answers=reference.keep_answers(fitted.answers, store), trials=1,
                        seed=0, threads=1)


@pytest.fixture(scope="session")
def graph_of(train: Train, shelf: Store) -> Callable[[str, PreparedData], Model]:
    """The exported graph of a small trained model."""
    from tasks.optimization.export import export

    made: dict[tuple[str, str], Model] = {}

    def graph(family: str, prepared: PreparedData) -> Model:
        key = (family, prepared.digest())
        if key not in made:
            made[key] = export(train(family, prepared).model, prepared.data_schema, prepared, shelf)
        return made[key]

    return graph
