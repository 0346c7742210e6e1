from __future__ import annotations

import numpy as np
import pytest

from tasks.data import preparation
from tasks.optimization.techniques import Prune
from tasks.records import Model, PreparedData
from tasks.store import Store
from tasks.training import networks, reference


@pytest.mark.parametrize(("family", "data", "expected"), [
    ("mlp", "digits", {"hidden": [12, 8], "outputs": 10}), ("mlp", "diabetes", {"hidden": [12, 8], "outputs": 1}),
    ("cnn", "digits", {"channels": [4, 6], "outputs": 10}),
])
def test_half_of_the_channels_go(family: str, data: str, expected, request, train, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    model = train(family, prepared).model
    pruned = Prune(ratio=0.5, steps=2, epochs=1, copies=0).apply(model, prepared, shelf, seed=0)
    found = networks.describe(networks.load(shelf.fetch(pruned.artifact)))
    assert {name: found[name] for name in expected} == expected
    assert pruned.preprocessing == model.preprocessing


def test_a_pruned_network_learns_back(train, digits: PreparedData, shelf: Store) -> None:
    model = train("mlp", digits).model
    frame = preparation.load(digits.validation, shelf)
    truth = preparation.target(frame, digits.data_schema)

    def accuracy(one: Model) -> float:
        return float(np.mean(reference.answers(one, frame, digits.data_schema, shelf).argmax(1) == truth))

    lost = accuracy(Prune(epochs=1, rate=1e-9, copies=0).apply(model, digits, shelf, seed=0))
    regained = accuracy(Prune(epochs=8, rate=0.01, copies=1).apply(model, digits, shelf, seed=0))
    assert regained > lost + 0.1
    assert regained > accuracy(model) - 0.05


def test_the_unit_of_a_regression_stays(train, diabetes: PreparedData, shelf: Store) -> None:
    model = train("mlp", diabetes).model
    pruned = Prune(epochs=1, copies=0).apply(model, diabetes, shelf, seed=0)
    before, after = (networks.describe(networks.load(shelf.fetch(one.artifact))) for one in (model, pruned))
    assert [before[name] for name in ("scale", "mean")] == [after[name] for name in ("scale", "mean")]


def test_the_same_seed_gives_the_same_bytes(train, digits: PreparedData, shelf: Store) -> None:
    apply = Prune(epochs=1, copies=1).apply
    model = train("cnn", digits).model
    first, second, other = (apply(model, digits, shelf, seed=seed) for seed in (3, 3, 4))
    assert first == second != other
