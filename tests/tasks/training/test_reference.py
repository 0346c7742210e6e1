from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.records import Model, PreparedData
from tasks.store import Store
from tasks.training.families import AnyFamily
from tasks.training.folds import Fold
from tasks.training.reference import answers, keep, keep_answers


@pytest.mark.parametrize("settings", [{"kind": "forest", "trees": 5}, {"kind": "mlp", "hidden": [8], "epochs": 2}],
                         ids=lambda settings: settings["kind"])
@pytest.mark.parametrize("name", ["mixed", "prices"])
def test_a_kept_model_answers_as_it_did(settings: dict[str, object], name: str, folds: dict[str, Fold],
                                        request: pytest.FixtureRequest, store: Store) -> None:
    prepared: PreparedData = request.getfixturevalue(name)
    family = TypeAdapter(AnyFamily).validate_python(settings)
    fitted = family.fit(folds[name], dict(family.first), seed=0, device="cpu")
    rows = preparation.load(prepared.validation, store)
    np.testing.assert_array_equal(answers(keep(fitted, store), rows, prepared.data_schema, store), fitted.answers)


def test_a_graph_is_not_asked_here(mixed: PreparedData, store: Store) -> None:
    graph = Model(form="onnx", artifact=mixed.train)
    with pytest.raises(TrainingError, match="form 'onnx' is not asked here"):
        answers(graph, preparation.load(mixed.validation, store), mixed.data_schema, store)


def test_answers_are_kept_as_they_are(store: Store) -> None:
    given = np.random.default_rng(0).random((5, 3), dtype=np.float32)
    np.testing.assert_array_equal(np.load(store.fetch(keep_answers(given, store)), allow_pickle=False), given)
