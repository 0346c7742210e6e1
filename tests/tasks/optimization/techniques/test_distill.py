from __future__ import annotations

import numpy as np
import pytest

from tasks.data import preparation
from tasks.optimization.techniques import Distill
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training import networks, reference

CASES = [("forest", "mixed", {}), ("boosting", "diabetes", {}), ("linear", "cancer", {}), ("cnn", "digits", {}),
         ("forest", "digits", {"student": "cnn", "widths": (6, 8), "pools": (1,), "epochs": 8})]


@pytest.mark.parametrize(("teacher", "data", "options"), CASES, ids=["-".join(case[:2]) for case in CASES])
def test_a_student_answers_as_its_teacher(teacher: str, data: str, options, request, train, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    model = train(teacher, prepared).model
    student = Distill(**{"widths": (32,), "copies": 2, "epochs": 15, **options}).apply(model, prepared, shelf, seed=0)
    schema, frame = prepared.data_schema, preparation.load(prepared.validation, shelf)
    taught, found = (reference.answers(one, frame, schema, shelf) for one in (model, student))
    if schema.classes:
        assert np.mean(taught.argmax(1) == found.argmax(1)) > 0.8
    else:
        assert np.corrcoef(taught, found)[0, 1] > 0.8


def test_the_student_has_the_widths_that_were_asked_for(train, digits: PreparedData, shelf: Store) -> None:
    student = Distill(student="cnn", widths=(3, 5), pools=(1, 2), epochs=1, copies=0).apply(
        train("linear", digits).model, digits, shelf, seed=0)
    found = networks.describe(networks.load(shelf.fetch(student.artifact)))
    assert (found["kind"], found["channels"], found["pools"]) == ("cnn", [3, 5], [1, 2])


def test_a_student_of_a_network_takes_over_its_preprocessing(train, mixed: PreparedData, shelf: Store) -> None:
    teacher = train("mlp", mixed).model
    student = Distill(widths=(4,), epochs=1, copies=0).apply(teacher, mixed, shelf, seed=0)
    assert student.preprocessing == teacher.preprocessing


def test_the_same_seed_gives_the_same_bytes(train, mixed: PreparedData, shelf: Store) -> None:
    apply = Distill(widths=(4,), epochs=1).apply
    teacher = train("forest", mixed).model
    first, second, other = (apply(teacher, mixed, shelf, seed=seed) for seed in (3, 3, 4))
    assert first == second != other
