from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.errors import SettingsError, TrainingError
from tasks.training.learning import ask_network, resolve_device, train_network
from tasks.training.networks import build

MLP = {"kind": "mlp", "inputs": 2, "hidden": [16], "outputs": 2, "dropout": 0.0}
COURSE = {"epochs": 30, "lr": 0.02, "weight_decay": 0.0, "seed": 0}


def rings(rows: int = 300, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A disk in a ring: no line parts them."""
    X = np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)
    return X, ((X**2).sum(1) > 1.4).astype(np.int64)


def accuracy(network: torch.nn.Module, X: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    return float(np.mean(ask_network(network, X, regression=False).argmax(1) == y))


def test_learns_and_leaves_its_argument_alone() -> None:
    X, y = rings()
    fresh = build(MLP)
    before = [weight.clone() for weight in fresh.parameters()]
    assert accuracy(train_network(fresh, X, y, **COURSE), *rings(seed=1)) > 0.9
    assert all(torch.equal(old, new) for old, new in zip(before, fresh.parameters(), strict=True))


def test_the_same_seed_gives_the_same_weights() -> None:
    X, y = rings()
    network = build({**MLP, "dropout": 0.3})
    first, again, other = (train_network(network, X, y, **{**COURSE, "seed": seed}) for seed in (1, 1, 2))
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_what_others_drew_makes_no_difference() -> None:
    X, y = rings()
    network = build({**MLP, "dropout": 0.3})
    torch.manual_seed(1)
    first = train_network(network, X, y, **COURSE)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(first[0].weight, train_network(network, X, y, **COURSE)[0].weight)
    assert torch.equal(state, torch.get_rng_state())


def test_soft_targets_take_the_place_of_the_truth() -> None:
    X, y = rings()
    teacher = np.where(y[:, None] == np.arange(2), 0.3, 0.7).astype(np.float32)  # leans to the other class everywhere
    student = train_network(build(MLP), X, y, soft_targets=teacher, temperature=2.0, **{**COURSE, "epochs": 60})
    assert accuracy(student, X, y) < 0.1
    found = ask_network(student, X, regression=False)[np.arange(len(y)), y]
    assert abs(float(np.median(found)) - 0.3) < 0.05  # and learns how sure the teacher was, whatever the temperature


def test_the_unit_of_a_regression_makes_no_difference() -> None:
    X, _ = rings()
    y = X[:, 0] * 2.0 + X[:, 1]
    for scale, mean in ((1.0, 0.0), (1000.0, 50_000.0), (1e-6, 0.0)):
        architecture = {**MLP, "outputs": 1, "scale": float(y.std() * scale), "mean": float(y.mean() * scale + mean)}
        network = train_network(build(architecture), X, y * scale + mean, **COURSE)
        off = ask_network(network, X, regression=True) - (y * scale + mean)
        assert np.sqrt(np.mean(off**2)) < 0.1 * scale
        assert network[-1].weight.item() == pytest.approx(architecture["scale"])  # the unit is no weight


def test_with_validation_rows_the_best_epoch_is_kept() -> None:
    X, y = rings(40)
    noise = np.random.default_rng(5).integers(2, size=40)
    X_val, y_val = rings(200, seed=1)
    course = {**COURSE, "epochs": 60, "lr": 0.05}

    def loss(network: torch.nn.Module) -> float:
        given = ask_network(network, X_val, regression=False)
        return float(-np.log(given[np.arange(len(y_val)), y_val]).mean())

    wide = build({**MLP, "hidden": [128]})
    last = train_network(wide, X, np.where(y, noise, y), **course)
    best = train_network(wide, X, np.where(y, noise, y), X_val=X_val, y_val=y_val, **course)
    assert loss(best) < loss(last)


def test_rows_are_changed_while_it_learns() -> None:
    X, y = rings()
    mirrored = train_network(build(MLP), X, y, augment=lambda rows, generator: rows * 0, **COURSE)
    assert accuracy(mirrored, X, y) < 0.7  # a network that only ever saw zeros knows the shares alone


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_is_an_error() -> None:
    X, y = rings()
    with pytest.raises(TrainingError, match="the loss was nan in epoch 1 of 30"):
        train_network(build(MLP), np.where(X > 1, np.float32(np.inf), X), y, **COURSE)


def test_a_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("has a CUDA device")
    assert resolve_device("auto") == "cpu"
    with pytest.raises(SettingsError, match=r"training\.device is 'cuda' and torch sees no CUDA device"):
        resolve_device("cuda")


def test_cuda_learns_as_the_cpu_does() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    X, y = rings()
    assert accuracy(train_network(build(MLP), X, y, device="cuda", **COURSE), *rings(seed=1)) > 0.9
