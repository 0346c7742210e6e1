from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data import preparation
from tasks.optimization.lessons import lessons, variations
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training import reference


def typed_train(prepared: PreparedData, store: Store) -> pd.DataFrame:
    return preparation.typed(preparation.load(prepared.train, store), prepared.data_schema)


@pytest.mark.parametrize("data", ["mixed", "digits"])
def test_variations_are_typed_rows_like_the_given_ones(data: str, request, train, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    given = typed_train(prepared, shelf)
    prepare = reference.load_sklearn(shelf.fetch(train("mlp", prepared).model.preprocessing))
    made = variations(given, prepared.data_schema, prepare, copies=2, seed=0)
    assert len(made) == 2
    for one in made:
        assert one.shape == given.shape
        assert one.dtypes.tolist() == given.dtypes.tolist()
        assert not one.equals(given.reset_index(drop=True))
    assert not made[0].equals(made[1])


def test_a_varied_category_is_one_that_occurs(train, mixed: PreparedData, shelf: Store) -> None:
    given = typed_train(mixed, shelf)
    prepare = reference.load_sklearn(shelf.fetch(train("mlp", mixed).model.preprocessing))
    made, = variations(given, mixed.data_schema, prepare, copies=1, seed=0)
    assert set(made["plan"]) <= set(given["plan"])
    moved = np.mean(made["age"].to_numpy() != given["age"].to_numpy())
    assert 0.3 < moved < 0.7


def test_a_moved_image_keeps_its_range(train, digits: PreparedData, shelf: Store) -> None:
    made, = variations(typed_train(digits, shelf), digits.data_schema, None, copies=1, seed=0)
    assert made.to_numpy().min() >= 0
    assert made.to_numpy().max() <= 16.001


def test_the_teacher_answers_every_row(train, mixed: PreparedData, shelf: Store) -> None:
    teacher = train("forest", mixed).model
    taught = lessons(teacher, mixed, shelf, copies=3, seed=0)
    assert len(taught.rows) == len(taught.answers) == 4 * mixed.rows.train
    frame = preparation.load(mixed.train, shelf)
    assert np.array_equal(taught.answers[: len(frame)], reference.answers(teacher, frame, mixed.data_schema, shelf))
