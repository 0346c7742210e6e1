from __future__ import annotations

from tasks.training.families.boosting import Boosting
from tasks.training.folds import Fold


def test_categories_reach_the_trees_as_numbers(folds: dict[str, Fold]) -> None:
    """Native categorical splits convert to a wrong graph."""
    model = Boosting(iterations=3).fit(folds["mixed"], dict(Boosting.first), seed=0, device="cpu").model["model"]
    assert model.is_categorical_ is None


def test_a_fit_stops_when_validation_gains_no_more_and_keeps_what_it_gained_from(folds: dict[str, Fold]) -> None:
    params = {**Boosting.first, "rate": 0.3}
    model = Boosting(patience=5).fit(folds["mixed"], params, seed=0, device="cpu").model["model"]
    losses = -model.validation_score_
    assert losses.argmin() == len(losses) - 6
    assert model.n_iter_ == losses.argmin()


def test_many_classes_share_the_trees(folds: dict[str, Fold]) -> None:
    """Ten classes grow a tree each in every iteration: they have 60 iterations at most."""
    few = {**Boosting.first, "leaves": 4, "rate": 0.02}
    model = Boosting().fit(folds["digits"], few, seed=0, device="cpu").model["model"]
    assert model.n_iter_ == 60
