from __future__ import annotations

import numpy as np
import pytest

from tasks.training.families.constant import Constant
from tasks.training.folds import Fold


@pytest.mark.parametrize("name", ["digits", "mixed", "prices"])
def test_says_the_same_of_every_row(name: str, folds: dict[str, Fold]) -> None:
    data = folds[name]
    answers = Constant().fit(data, {}, seed=0, device="cpu").answers
    target = data.train_target
    expected = np.bincount(target) / len(target) if data.schema.classes else target.mean()
    np.testing.assert_allclose(answers, np.broadcast_to(expected, answers.shape), rtol=1e-6)


def test_converts_to_a_graph(folds: dict[str, Fold]) -> None:
    from skl2onnx import to_onnx

    model = Constant().fit(folds["cancer"], {}, seed=0, device="cpu").model["model"]
    assert to_onnx(model, np.zeros((1, model.n_features_in_), np.float32)).graph.node
