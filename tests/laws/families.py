"""The laws of families."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import optuna
import pytest

from tasks.errors import TrainingError
from tasks.optimization.export import export
from tasks.optimization.parity import parity
from tasks.training import reference, tuning
from tasks.training.families._base import Family
from tasks.training.folds import Fold
from tasks.training.settings import TrainingSettings
from tests.laws.stage import Stage, check_answers, example


def _suited(family: Family, stage: Stage) -> list[str]:
    names = [name for name, scene in stage.scenes.items() if family.suits(scene.schema)]
    assert names, f"{family.kind} suits none of {', '.join(stage.scenes)}: add a scene to tests/laws/stage.py"
    return names


def it_gives_answers_in_its_form(member: type[Family], stage: Stage, folder: Path) -> None:
    family = example(member, folder)
    for name in _suited(family, stage):
        fitted, data = stage.fit(family, name), stage.scenes[name].fold
        assert fitted.form == member.yields
        check_answers(fitted.answers, len(data.validation), data.schema)


def it_gives_the_same_bytes_again(member: type[Family], stage: Stage, folder: Path) -> None:
    family = example(member, folder)
    for name in _suited(family, stage):
        again = family.fit(stage.scenes[name].fold, dict(family.first), seed=0, device="cpu")
        assert reference.keep(again, stage.store) == reference.keep(stage.fit(family, name), stage.store)


def it_leaves_its_arguments_alone(member: type[Family], stage: Stage, folder: Path) -> None:
    family, params = example(member, folder), dict(member.first)
    for name in _suited(family, stage):
        data = stage.scenes[name].fold
        before = _copied(data)
        family.fit(data, params, seed=0, device="cpu")
        assert params == member.first
        assert _same(before, data)


def _copied(data: Fold) -> Fold:
    return Fold(data.schema, data.train.copy(), data.train_target.copy(), data.validation.copy(),
                data.validation_target.copy())


def _same(one: Fold, other: Fold) -> bool:
    return (one.train.equals(other.train) and one.validation.equals(other.validation)
            and np.array_equal(one.train_target, other.train_target)
            and np.array_equal(one.validation_target, other.validation_target))


def it_answers_alike_out_of_the_store(member: type[Family], stage: Stage, folder: Path) -> None:
    family = example(member, folder)
    for name in _suited(family, stage):
        fitted, data = stage.fit(family, name), stage.scenes[name].fold
        kept = reference.answers(reference.keep(fitted, stage.store), data.validation, data.schema, stage.store)
        np.testing.assert_allclose(kept, fitted.answers, rtol=1e-6, atol=1e-6)


def its_graph_answers_alike(member: type[Family], stage: Stage, folder: Path) -> None:
    family = example(member, folder)
    name = _suited(family, stage)[0]
    model, prepared = reference.keep(stage.fit(family, name), stage.store), stage.scenes[name].prepared
    graph = export(model, prepared.data_schema, prepared, stage.store)
    assert parity(graph, model, prepared, stage.store, tolerance=1e-4).rows > 0


def its_first_trial_is_in_its_space(member: type[Family], stage: Stage, folder: Path) -> None:
    study = optuna.create_study()
    for params in (member.first, *member.proven):
        study.enqueue_trial(dict(params))
        assert example(member, folder).space(study.ask()) == params  # a value outside would warn, which fails here


def it_refuses_what_cannot_be_fitted(member: type[Family], stage: Stage, folder: Path) -> None:
    family = example(member, folder)
    if not member.first:
        return  # nothing to get wrong
    with pytest.raises(TrainingError):
        family.fit(stage.scenes[_suited(family, stage)[0]].fold, dict.fromkeys(member.first, math.nan), seed=0,
                   device="cpu")


def it_is_refused_where_it_does_not_suit(member: type[Family], stage: Stage, folder: Path) -> None:
    family = example(member, folder)
    for name in set(stage.scenes) - set(_suited(family, stage)):
        scene = stage.scenes[name]
        with pytest.raises(TrainingError, match=family.kind):
            tuning.search(family, scene.prepared, TrainingSettings(primary=scene.primary), stage.store)


LAWS = (it_gives_answers_in_its_form, it_gives_the_same_bytes_again, it_leaves_its_arguments_alone,
        it_answers_alike_out_of_the_store, its_graph_answers_alike, its_first_trial_is_in_its_space,
        it_refuses_what_cannot_be_fitted, it_is_refused_where_it_does_not_suit)
