"""What every family promises; what is special to one stands in its own file."""

from __future__ import annotations

from typing import get_args

import numpy as np
import optuna
import pytest
from pydantic import TypeAdapter

from tasks.store import Store
from tasks.training.families import AnyFamily
from tasks.training.families._base import Family
from tasks.training.folds import Fitted, Fold
from tasks.training.metrics import score
from tasks.training.reference import keep

QUICK = {"forest": {"trees": 20}, "boosting": {"iterations": 15}, "mlp": {"hidden": [32], "epochs": 10},
         "cnn": {"channels": [8, 8], "pools": [1], "epochs": 4}}
KINDS = [member.model_fields["kind"].default for member in get_args(get_args(AnyFamily)[0])]
SETS = ["digits", "cancer", "mixed", "prices"]
PAIRS = [(kind, name) for kind in KINDS for name in SETS if kind != "cnn" or name == "digits"]


def family_of(kind: str) -> Family:
    return TypeAdapter(AnyFamily).validate_python({"kind": kind, **QUICK.get(kind, {})})


@pytest.fixture(scope="session")
def fitted(folds: dict[str, Fold]) -> dict[tuple[str, str], Fitted]:
    """Every family on every set that suits it, with its first hyper-parameters."""
    return {(kind, name): family_of(kind).fit(folds[name], dict(family_of(kind).first), seed=1, device="cpu")
            for kind, name in PAIRS}


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_answers_are_probabilities_or_predictions(kind: str, name: str, folds: dict[str, Fold],
                                                  fitted: dict[tuple[str, str], Fitted]) -> None:
    schema, answers = folds[name].schema, fitted[kind, name].answers
    assert answers.dtype == np.float32
    assert fitted[kind, name].form == family_of(kind).yields
    if schema.task == "regression":
        assert answers.shape == (len(folds[name].validation),)
    else:
        assert answers.shape == (len(folds[name].validation), len(schema.classes))
        np.testing.assert_allclose(answers.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), [pair for pair in PAIRS if pair[0] != "constant"])
def test_every_family_beats_the_constant(kind: str, name: str, folds: dict[str, Fold],
                                         fitted: dict[tuple[str, str], Fitted]) -> None:
    metric = "rmse" if name == "prices" else "log_loss"
    truth = folds[name].validation_target
    found, floor = (score(metric, truth, fitted[one, name].answers) for one in (kind, "constant"))
    assert found < 0.9 * floor


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_artifact(kind: str, folds: dict[str, Fold],
                                               fitted: dict[tuple[str, str], Fitted], store: Store) -> None:
    name = "digits" if kind == "cnn" else "mixed"
    again = family_of(kind).fit(folds[name], dict(family_of(kind).first), seed=1, device="cpu")
    assert keep(again, store) == keep(fitted[kind, name], store)


@pytest.mark.parametrize("kind", KINDS)
def test_the_space_holds_the_first_hyper_parameters(kind: str) -> None:
    family = family_of(kind)
    study = optuna.create_study()
    for params in (family.first, *family.proven):
        study.enqueue_trial(dict(params))
        assert family.space(study.ask()) == params  # a value outside the space would warn, which fails here


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_suit_says_so(kind: str, folds: dict[str, Fold]) -> None:
    suited = [name for name in SETS if family_of(kind).suits(folds[name].schema)]
    assert suited == (["digits"] if kind == "cnn" else SETS)
