from __future__ import annotations

from tasks.training.families.boosting import Boosting
from tasks.training.folds import Fold


def test_categories_reach_the_trees_as_numbers(folds: dict[str, Fold]) -> None:
    """Native categorical splits convert to a wrong graph."""
    model = Boosting(iterations=3).fit(folds["mixed"], dict(Boosting.first), seed=0, device="cpu").model["model"]
    assert model.is_categorical_ is None
