from __future__ import annotations

from typing import Any

import pytest

from tasks.errors import TrainingError
from tasks.training.families.cnn import Cnn
from tasks.training.folds import Fold
from tasks.training.networks import describe


def test_the_network_is_what_was_asked(folds: dict[str, Fold]) -> None:
    family = Cnn(channels=(4, 6), pools=(1, 2), hidden=(5,), epochs=1)
    network = family.fit(folds["digits"], {**Cnn.first, "dropout": 0.1}, seed=0, device="cpu").model
    assert describe(network) == {"kind": "cnn", "shape": [8, 8], "channels": [4, 6], "pools": [1, 2], "hidden": [5],
                                 "outputs": 10, "dropout": 0.1}


def test_more_pools_than_the_image_bears_are_refused(folds: dict[str, Fold]) -> None:
    params: dict[str, Any] = dict(Cnn.first)
    with pytest.raises(TrainingError, match="too small for 4 pools"):
        Cnn(channels=(2, 2, 2, 2), pools=(1, 2, 3, 4)).fit(folds["digits"], params, seed=0, device="cpu")


@pytest.mark.parametrize(("shape", "channels", "pools"), [
    ((8, 8), [32, 32, 64], [2]), ((28, 28), [32, 32, 64, 64, 128], [2, 4]), ((28, 3), [32, 32, 64], [2]),
])
def test_larger_images_have_a_deeper_network(shape: tuple[int, int], channels: list[int], pools: list[int],
                                             folds: dict[str, Fold]) -> None:
    few = folds["digits"]
    schema = few.schema.model_copy(update={"shape": shape})
    plan = Cnn().plan(schema, dropout=0.0)
    assert (plan["channels"], plan["pools"]) == (channels, pools)
    assert Cnn(channels=(8, 16)).plan(schema, dropout=0.0)["pools"] == [2]
