from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tasks.errors import TrainingError
from tasks.training.networks import ask_network, build, describe, load, save

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "inputs": 7, "hidden": [5, 4], "outputs": 3, "dropout": 0.1},
    "regression": {"kind": "mlp", "inputs": 7, "hidden": [5], "outputs": 1, "dropout": 0.0, "scale": 3.5, "mean": 1e4},
    "cnn": {"kind": "cnn", "shape": [8, 6], "channels": [3, 4, 5], "pools": [1, 3], "hidden": [6], "outputs": 2,
            "dropout": 0.2},
    "bare cnn": {"kind": "cnn", "shape": [5, 5], "channels": [2], "pools": [], "hidden": [], "outputs": 2,
                 "dropout": 0.0},
}


def rows(architecture: dict[str, Any], count: int = 9) -> np.ndarray:
    width = architecture.get("inputs") or int(np.prod(architecture["shape"]))
    return np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_describes_its_architecture(name: str) -> None:
    assert describe(build(ARCHITECTURES[name])) == ARCHITECTURES[name]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_kept_network_answers_alike(name: str, tmp_path: Path) -> None:
    architecture = ARCHITECTURES[name]
    network = build(architecture, seed=3).train()
    network(torch.as_tensor(rows(architecture)))  # moves the running statistics away from their start
    save(network, tmp_path / "network.safetensors")
    assert not load(tmp_path / "network.safetensors").training  # an exporter takes the mode as it finds it
    regression = "scale" in architecture
    found = ask_network(load(tmp_path / "network.safetensors"), rows(architecture), regression=regression)
    np.testing.assert_array_equal(found, ask_network(network, rows(architecture), regression=regression))
    assert found.shape == ((9,) if regression else (9, architecture["outputs"]))
    assert found.dtype == np.float32


def test_the_same_network_is_the_same_file(tmp_path: Path) -> None:
    for number in (1, 2):
        save(build(ARCHITECTURES["cnn"], seed=3), tmp_path / f"{number}")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_the_seed_alone_draws_the_weights() -> None:
    torch.manual_seed(9)
    before = torch.get_rng_state()
    first, again, other = (build(ARCHITECTURES["mlp"], seed=seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_pruned_network_is_kept_like_any_other(tmp_path: Path) -> None:
    import torch_pruning

    network = build(ARCHITECTURES["cnn"])
    example = torch.as_tensor(rows(ARCHITECTURES["cnn"]))
    pruner = torch_pruning.pruner.BasePruner(
        network, example, importance=torch_pruning.importance.MagnitudeImportance(), pruning_ratio=0.5,
        ignored_layers=[network[-1]])
    pruner.step()
    save(network.eval(), tmp_path / "pruned")
    assert describe(network)["channels"] == [1, 2, 2]
    assert describe(network)["hidden"] == [3]
    np.testing.assert_array_equal(ask_network(load(tmp_path / "pruned"), example.numpy(), regression=False),
                                  ask_network(network, example.numpy(), regression=False))


def test_a_regression_answers_in_its_unit() -> None:
    answers = ask_network(build(ARCHITECTURES["regression"]), rows(ARCHITECTURES["regression"]), regression=True)
    assert np.all(np.abs(answers - 1e4) < 10)


@pytest.mark.parametrize(("change", "says"), [({"kind": "rnn"}, "'rnn' is not known. Known are 'mlp' and 'cnn'"),
                                              ({"pools": [1, 2, 3], "shape": [4, 4]}, "too small for 3 pools")])
def test_an_impossible_architecture_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        build({**ARCHITECTURES["cnn"], **change})


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    (tmp_path / "bytes").write_bytes(b"not a network")
    save_file(nn.Linear(1, 1).state_dict(), tmp_path / "bare")
    for name in ("bytes", "bare"):
        with pytest.raises(TrainingError, match=f"{name} is not a network that farrier wrote"):
            load(tmp_path / name)
