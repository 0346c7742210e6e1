from __future__ import annotations

import numpy as np
import pytest

from tasks.data import preparation
from tasks.errors import ParityError
from tasks.optimization.rounding import differences, unrest
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training import reference


def test_the_shape_of_the_answers_counts() -> None:
    with pytest.raises(ParityError, match=r"shape \(4, 2\), the model with \(4, 3\)"):
        differences(np.zeros((4, 2)), np.zeros((4, 3)), relative=False)


def test_an_answer_that_is_no_number_is_never_equal() -> None:
    found = differences(np.array([[np.nan, 0.0]]), np.array([[np.nan, 0.0]]), relative=False)
    assert found.tolist() == [np.inf]


def test_predictions_differ_relative_to_their_size() -> None:
    found = differences(np.array([1010.0, 0.5]), np.array([1000.0, 0.0]), relative=True)
    assert np.allclose(found, [0.01, 0.5])


@pytest.mark.parametrize(("family", "moves"), [("linear", True), ("mlp", True), ("forest", False), ("boosting", False)])
def test_on_known_rows_models_hardly_move_and_trees_not_at_all(family: str, moves: bool, train, mixed: PreparedData,
                                                               shelf: Store) -> None:
    schema, model = mixed.data_schema, train(family, mixed).model
    typed = preparation.typed(preparation.load(mixed.validation, shelf), schema)
    answers = reference.answers(model, typed, schema, shelf)
    found = unrest(model, typed, answers, schema, shelf)
    assert bool(found.max() > 0) == moves
    assert found.max() < 1e-5
    assert np.array_equal(found, unrest(model, typed, answers, schema, shelf))
