"""Networks from a JSON architecture: build, describe, save and load, always as plain layers.

Every network takes the flat float32 matrix of transformed features (rows, features) and gives logits (rows, classes),
or for a regression predictions (rows, 1) in the target's own unit. The architecture is read back from the layers
themselves, so a network whose channels were pruned is kept like any other.

    {"kind": "mlp", "inputs": 30, "hidden": [64, 32], "outputs": 2, "dropout": 0.1}
    {"kind": "cnn", "shape": [8, 8], "channels": [16, 32, 32], "pools": [2], "hidden": [], "outputs": 10,
     "dropout": 0.2}

With `clipped`, the first of an mlp's hidden layers is fixed and ends in a clip to 0..1 (tasks/training/pieces.py), not
in ReLU and dropout. `pools` holds after how many convolutions a 2 by 2 maximum is taken. `scale` and `mean`
(regression) turn the last layer's answer into the target's unit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import TrainingError
from tasks.records import canonical_json
from tasks.training.learning import ask_network, resolve_device, train_network

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Architecture", "ask_network", "build", "describe", "load", "resolve_device", "save", "train_network"]
Architecture = dict[str, Any]


def build(architecture: Mapping[str, Any], *, seed: int = 0) -> nn.Sequential:
    """The network of an architecture, with fresh weights drawn from the seed.

    Raises TrainingError for a kind that is not known, or a network with more pools than its image can bear.
    """
    import torch

    kind = architecture.get("kind")
    if kind not in ("mlp", "cnn"):
        raise TrainingError(f"a network of kind {kind!r} is not known. Known are 'mlp' and 'cnn'.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = _convolutional(architecture) if kind == "cnn" else _dense(architecture["inputs"], architecture)
        return torch.nn.Sequential(*layers, *_unit(architecture))


def _dense(width: int, architecture: Mapping[str, Any]) -> list[nn.Module]:
    """Linear, ReLU and dropout for each hidden width, then the layer that answers."""
    from torch import nn

    layers: list[nn.Module] = []
    widths = list(architecture["hidden"])
    if architecture.get("clipped"):
        layers += [nn.Linear(width, widths[0]).requires_grad_(False), nn.Hardtanh(0.0, 1.0)]
        width = widths.pop(0)
    for hidden in widths:
        layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(architecture["dropout"])]
        width = hidden
    return [*layers, nn.Linear(width, architecture["outputs"])]


def _convolutional(architecture: Mapping[str, Any]) -> list[nn.Module]:
    from torch import nn

    height, width = architecture["shape"]
    layers: list[nn.Module] = [nn.Unflatten(1, (1, height, width))]
    channels = 1
    for index, after in enumerate(architecture["channels"], start=1):
        layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        channels = after
        if index in architecture["pools"]:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    if not height * width:
        raise TrainingError(f"an image of {architecture['shape']} pixels is too small for "
                            f"{len(architecture['pools'])} pools. Take fewer: pools=[…].")
    layers += [nn.Flatten(), nn.Dropout(architecture["dropout"])]
    return [*layers, *_dense(channels * height * width, architecture)]


def _unit(architecture: Mapping[str, Any]) -> list[nn.Module]:
    return [rescale(architecture["scale"], architecture["mean"])] if "scale" in architecture else []


def rescale(scale: float, mean: float) -> nn.Module:
    """The layer that turns a standardized answer into the target's own unit: a fixed 1 by 1 linear map."""
    from torch import nn, no_grad

    layer = nn.Linear(1, 1)
    with no_grad():
        layer.weight.fill_(scale)
        layer.bias.fill_(mean)
    return layer.requires_grad_(False)


def describe(network: nn.Module) -> Architecture:
    """The architecture of a network, read from its layers: what `build` needs to make it again."""
    from torch import nn

    layers = [layer for layer in network.modules() if not isinstance(layer, nn.Sequential)]
    dense = [layer for layer in layers if isinstance(layer, nn.Linear)]
    unit = {}
    if scaling := _rescaling(layers):
        unit = {"scale": scaling.weight.item(), "mean": scaling.bias.item()}
        dense.remove(scaling)
    common = {"hidden": [layer.out_features for layer in dense[:-1]], "outputs": dense[-1].out_features,
              "dropout": next((layer.p for layer in layers if isinstance(layer, nn.Dropout)), 0.0), **unit}
    if isinstance(layers[0], nn.Unflatten):
        return {"kind": "cnn", "shape": list(layers[0].unflattened_size[1:]), **_convolutions(layers), **common}
    clipped = {"clipped": True} if any(isinstance(layer, nn.Hardtanh) for layer in layers) else {}
    return {"kind": "mlp", "inputs": dense[0].in_features, **clipped, **common}


def _rescaling(layers: list[nn.Module]) -> nn.Linear | None:
    """The layer that holds the target's unit, where there is one: only it follows a linear layer directly."""
    from torch import nn

    last, before = layers[-1], layers[-2] if len(layers) > 1 else None
    return last if isinstance(last, nn.Linear) and isinstance(before, nn.Linear) else None


def _convolutions(layers: list[nn.Module]) -> Architecture:
    from torch import nn

    channels: list[int] = []
    pools: list[int] = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            channels.append(layer.out_channels)
        elif isinstance(layer, nn.MaxPool2d):
            pools.append(len(channels))
    return {"channels": channels, "pools": pools}


def save(network: nn.Module, path: Path) -> None:
    """Write weights and architecture as one safetensors file: the same bytes for the same network."""
    from safetensors.torch import save_file

    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, path, metadata={"architecture": canonical_json(describe(network))})


def load(path: Path) -> nn.Sequential:
    """The network in a safetensors file, in evaluation mode. Raises TrainingError where it holds none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            architecture = json.loads((file.metadata() or {})["architecture"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        network = build(architecture)
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, RuntimeError) as problem:
        raise TrainingError(f"{path} is not a network that farrier wrote: {problem}. Train it again.") from problem
    return network.eval()
