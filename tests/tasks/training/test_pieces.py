from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.optimization.export import export
from tasks.optimization.parity import ask, parity
from tasks.optimization.techniques import Prune, Quantize
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training import networks, reference
from tasks.training.families import Mlp
from tasks.training.folds import Fold, fold
from tasks.training.metrics import score
from tasks.training.pieces import NARROWEST, ROWS_A_PIECE, cut, knots


def test_a_piece_rises_from_its_lower_to_its_upper_knot() -> None:
    rows = np.linspace(-1, 1, 4 * ROWS_A_PIECE, dtype=np.float32)[:, None]
    made = cut(rows, 1, 4)
    assert made is not None
    encoded = np.clip(rows @ made.weight.T + made.bias, 0, 1)
    assert encoded.shape[1] == 4
    np.testing.assert_allclose(encoded.sum(1), (rows[:, 0] + 1) * 2, atol=1e-5)
    assert (np.diff(encoded, axis=0) >= 0).all()


def test_what_is_no_number_passes_as_it_is() -> None:
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.normal(size=900), draw.integers(0, 2, (900, 3))]).astype(np.float32)
    made = cut(rows, 1, 8)
    assert made is not None
    np.testing.assert_array_equal(np.clip(rows @ made.weight.T + made.bias, 0, 1)[:, -3:], rows[:, 1:])


def test_few_rows_are_not_cut() -> None:
    rows = np.random.default_rng(0).normal(size=(2 * ROWS_A_PIECE, 2)).astype(np.float32)
    assert cut(rows, 2, 8) is not None
    assert cut(rows[:-1], 2, 8) is None
    assert cut(rows, 2, 0) is None
    assert cut(rows, 0, 8) is None


def test_no_piece_is_so_narrow_that_roundings_grow() -> None:
    crowded = np.concatenate([np.linspace(0, 1e-4, 900), [1.0]]).astype(np.float32)
    assert np.diff(knots(crowded, 16)).min() >= NARROWEST
    assert len(knots(np.zeros(900, dtype=np.float32), 16)) == 1


@pytest.fixture(scope="module")
def waves(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """4,000 rows whose answer goes up and down with one number, as no straight line does."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({"x": draw.uniform(0, 20, 4_000), "kind": draw.choice(["a", "b"], 4_000)})
    frame["target"] = np.where(np.sin(frame["x"]) + 0.3 * (frame["kind"] == "a") > 0, "up", "down")
    frame.to_csv(path := tmp_path_factory.mktemp("waves") / "rows.csv", index=False)
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(path)}})
    return prepare(collect(settings, shelf), settings, shelf)


@pytest.fixture(scope="module")
def rows(waves: PreparedData, shelf: Store) -> Fold:
    return fold(waves, shelf)


FAMILY = Mlp(hidden=(64, 32), epochs=15)


def test_a_network_learns_from_pieces_what_it_does_not_without(rows: Fold) -> None:
    cut_up, plain = (FAMILY.fit(rows, {**Mlp.first, "pieces": pieces}, seed=0, device="cpu") for pieces in (32, 0))
    assert networks.describe(cut_up.model)["clipped"]
    assert "clipped" not in networks.describe(plain.model)
    right = [score("accuracy", rows.validation_target, fitted.answers) for fitted in (cut_up, plain)]
    assert right[0] > right[1] + 0.1


def test_pieces_are_kept_exported_pruned_and_quantized(rows: Fold, waves: PreparedData, store: Store,
                                                       tmp_path: Path) -> None:
    fitted = FAMILY.fit(rows, dict(Mlp.first), seed=0, device="cpu")
    networks.save(fitted.model, tmp_path / "network.safetensors")
    again = networks.load(tmp_path / "network.safetensors")
    assert networks.describe(again) == networks.describe(fitted.model)
    model = reference.keep(fitted, store)
    graph = export(model, waves.data_schema, waves, store)
    assert parity(graph, model, waves, store, tolerance=1e-4).rows > 0
    narrower = Prune(ratio=0.5, steps=1, epochs=4).apply(model, waves, store, seed=0)
    left = networks.describe(networks.load(store.fetch(narrower.artifact)))
    assert left["clipped"]
    assert left["hidden"] == [networks.describe(fitted.model)["hidden"][0], 32, 16]  # what is fixed stays whole
    small = Quantize().apply(graph, waves, store, seed=0)
    assert small.size_bytes < graph.size_bytes
    answers = [ask(one, rows.validation, rows.schema, store) for one in (graph, small)]
    whole, rounded = (score("accuracy", rows.validation_target, each) for each in answers)
    assert rounded > whole - 0.01


def test_the_pieces_stay_as_they_were_cut(rows: Fold) -> None:
    short, long = (FAMILY.model_copy(update={"epochs": epochs}).fit(rows, dict(Mlp.first), seed=0, device="cpu").model
                   for epochs in (1, 3))
    assert torch.equal(short[0].weight, long[0].weight)
    assert not torch.equal(short[2].weight, long[2].weight)
