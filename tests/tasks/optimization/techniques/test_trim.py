from __future__ import annotations

import numpy as np
import pytest

from tasks.data import preparation
from tasks.optimization.techniques import Trim
from tasks.optimization.techniques.trim import select
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training import reference


def estimator(model, store: Store):
    return reference.load_sklearn(store.fetch(model.artifact)).steps[-1][1]


@pytest.mark.parametrize("data", ["mixed", "diabetes", "digits"])
def test_a_forest_keeps_a_share_of_its_trees(data: str, request, train, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    model = train("forest", prepared).model
    trimmed = Trim(share=0.25).apply(model, prepared, shelf, seed=0)
    assert len(estimator(trimmed, shelf).estimators_) == 3
    assert len(estimator(model, shelf).estimators_) == 12
    assert trimmed.size_bytes < model.size_bytes / 2


@pytest.mark.parametrize("data", ["mixed", "diabetes", "digits"])
def test_boosting_keeps_a_prefix_of_its_iterations(data: str, request, train, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    model = train("boosting", prepared).model
    whole, trimmed = estimator(model, shelf), estimator(Trim(share=0.5).apply(model, prepared, shelf, seed=0), shelf)
    assert 1 <= trimmed.n_iter_ <= 6
    stages = whole.staged_predict if data == "diabetes" else whole.staged_predict_proba
    typed = preparation.typed(preparation.load(prepared.validation, shelf), prepared.data_schema)
    matrix = reference.load_sklearn(shelf.fetch(model.artifact))[:-1].transform(typed)
    answers = trimmed.predict(matrix) if data == "diabetes" else trimmed.predict_proba(matrix)
    assert np.allclose(answers, list(stages(matrix))[trimmed.n_iter_ - 1])


def test_the_same_trees_each_time(train, mixed: PreparedData, shelf: Store) -> None:
    model = train("forest", mixed).model
    assert Trim().apply(model, mixed, shelf, seed=0) == Trim().apply(model, mixed, shelf, seed=1)


def test_selection_beats_the_first_trees() -> None:
    draw = np.random.default_rng(0)
    truth = draw.normal(size=(50, 1)).astype(np.float32)
    answers = (truth + draw.normal(size=(30, 50, 1)) * np.linspace(3, 0.5, 30)[:, None, None]).astype(np.float32)
    chosen = select(answers, truth, 5)
    assert len(set(chosen)) == 5
    assert np.square(answers[chosen].mean(0) - truth).mean() < np.square(answers[:5].mean(0) - truth).mean() / 4
