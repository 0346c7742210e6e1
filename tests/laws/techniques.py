"""The laws of techniques."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from tasks.data import preparation
from tasks.optimization import recipes
from tasks.optimization.parity import ask
from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Model
from tasks.store import artifacts_in
from tasks.training import reference
from tasks.training.families import AnyFamily
from tasks.training.families._base import Family
from tests.laws.stage import FAMILIES, Scene, Stage, check_answers, example

EVERY_FAMILY: dict[str, type[Family]] = {one.model_fields["kind"].default: one
                                         for one in get_args(get_args(AnyFamily)[0])}


@dataclass(frozen=True)
class Case:
    """A model that a technique accepts, and the rows that it was trained on."""

    given: Model
    scene: Scene


def _cases(technique: Technique, stage: Stage) -> Iterator[Case]:
    """A model in each form that is accepted, of each family that is."""
    for form in sorted(technique.accepts):
        for family in _families(technique, form):
            name = next(name for name, scene in stage.scenes.items() if family().suits(scene.schema))
            if technique.suits(stage.scenes[name].schema):
                yield Case(stage.model(family, form, name), stage.scenes[name])


def _families(technique: Technique, form: Form) -> list[type[Family]]:
    named = [EVERY_FAMILY[kind] for kind in sorted(technique.families)]
    return [one for one in named if form in (one.yields, "onnx")] if named else [FAMILIES[form]]


def it_gives_the_same_model_again(member: type[Technique], stage: Stage, folder: Path) -> None:
    technique = example(member, folder)
    for case in _cases(technique, stage):
        once, again = (technique.apply(case.given, case.scene.prepared, stage.store, seed=3) for _ in range(2))
        assert once == again
        assert once.form == (member.yields or case.given.form)


def it_leaves_its_arguments_alone(member: type[Technique], stage: Stage, folder: Path) -> None:
    technique = example(member, folder)
    for case in _cases(technique, stage):
        before = case.given.digest(), case.scene.prepared.digest()
        technique.apply(case.given, case.scene.prepared, stage.store, seed=3)
        assert (case.given.digest(), case.scene.prepared.digest()) == before
        assert all(stage.store.holds(artifact) for artifact in artifacts_in((case.given, case.scene.prepared)))


def what_it_gives_can_be_asked(member: type[Technique], stage: Stage, folder: Path) -> None:
    technique = example(member, folder)
    cases = list(_cases(technique, stage))
    assert cases, f"{technique.kind} accepts no model of tests/laws/stage.py: add one"
    for case in cases:
        made = technique.apply(case.given, case.scene.prepared, stage.store, seed=3)
        check_answers(_answers(made, case.scene, stage), len(case.scene.fold.validation), case.scene.schema)


def _answers(model: Model, scene: Scene, stage: Stage) -> np.ndarray:
    frame = preparation.typed(scene.fold.validation, scene.schema)
    asked = ask if model.form == "onnx" else reference.answers
    return asked(model, frame, scene.schema, stage.store)


def its_family_is_known(member: type[Technique], stage: Stage, folder: Path) -> None:
    technique = example(member, folder)
    given = sorted(technique.families or {"linear"})
    assert {technique.family(one) for one in given} <= set(EVERY_FAMILY)
    assert set(technique.families) <= set(EVERY_FAMILY)


def it_is_refused_for_models_that_it_does_not_take(member: type[Technique], stage: Stage, folder: Path) -> None:
    technique = example(member, folder)
    for kind, family in EVERY_FAMILY.items():
        taken = {family.yields, "onnx"} & technique.accepts and kind in (technique.families or EVERY_FAMILY)
        said = recipes.refusal((technique,), recipes.Stage(family.yields, kind))
        assert said is None if taken else said and technique.kind in said


LAWS = (it_gives_the_same_model_again, it_leaves_its_arguments_alone, what_it_gives_can_be_asked,
        its_family_is_known, it_is_refused_for_models_that_it_does_not_take)
