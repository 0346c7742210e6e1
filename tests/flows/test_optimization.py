from __future__ import annotations

from typing import Any, cast

from flows.optimization import without_start
from tasks.records import Failed, Recipe, TrainedModel


def test_a_recipe_of_a_family_that_gave_no_model_is_told_as_failed() -> None:
    kept, lost = (Recipe(name=name, start=name, chain="[]") for name in ("linear", "mlp"))
    (made,) = without_start([(kept, cast("TrainedModel", object())), (lost, None)])
    failed: Any = made.result
    assert isinstance(failed, Failed)
    assert (failed.name, failed.reason) == ("mlp", "mlp, from which it starts, gave no model")
