"""Real candidates, small: a pipeline over mixed columns, a regression, and a network over images."""

from __future__ import annotations

import pytest

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.optimization.export import export
from tasks.records import Candidate, Parity, PreparedData, Recipe
from tasks.store import Store
from tasks.training import reference
from tasks.training.families import Linear, Mlp
from tasks.training.folds import fold
from tasks.training.metrics import estimate


def candidate(name: str, family: Linear | Mlp, primary: str, prepared: PreparedData, shelf: Store) -> Candidate:
    data = fold(prepared, shelf)
    fitted = family.fit(data, dict(family.first), seed=0, device="cpu")
    source = reference.keep(fitted, shelf)
    graph = export(source, prepared.data_schema, prepared, shelf)
    return Candidate(
        name=name, model=graph, source=source, recipe=Recipe(name=name, chain='[{"kind":"keep"}]'), family=family.kind,
        parent=source.artifact.sha256, size_bytes=graph.size_bytes,
        answers=reference.keep_answers(fitted.answers, shelf),
        quality=estimate(primary, data.validation_target, fitted.answers),
        parity=Parity(rows=len(fitted.answers), largest_difference=0.0, tolerance=1e-4),
    )


@pytest.fixture(scope="session")
def rows(mixed: PreparedData, shelf: Store) -> tuple[Candidate, PreparedData]:
    """A pipeline over numbers and categories with missing values."""
    return candidate("rows", Linear(), "accuracy", mixed, shelf), mixed


@pytest.fixture(scope="session")
def images(digits: PreparedData, shelf: Store) -> tuple[Candidate, PreparedData]:
    """A network over images."""
    return candidate("images", Mlp(hidden=(16,), epochs=2), "accuracy", digits, shelf), digits


@pytest.fixture(scope="session")
def regression(shelf: Store) -> tuple[Candidate, PreparedData]:
    """A pipeline that predicts a number."""
    settings = DataSettings.model_validate({"source": {"kind": "sklearn", "name": "diabetes"}})
    prepared = prepare(collect(settings, shelf), settings, shelf)
    return candidate("regression", Linear(), "rmse", prepared, shelf), prepared
