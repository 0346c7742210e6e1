"""Fewer channels."""

from __future__ import annotations

import copy
import warnings
from typing import Any, ClassVar, Literal

from pydantic import Field

from tasks.optimization.lessons import Lessons, lessons
from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Model, PreparedData
from tasks.store import Store
from tasks.training import networks


class Prune(Technique):
    """Remove whole channels and neurons, those whose weights are smallest, and fine-tune after each step.

    Groups of layers that share a channel lose it together (DepGraph: Fang et al., Towards Any Structural Pruning,
    2023); what is left is a plain, narrower network. It learns back from the answers of the whole one.
    """

    accepts: ClassVar[frozenset[Form]] = frozenset({"torch"})
    families: ClassVar[frozenset[str]] = frozenset({"mlp", "cnn"})
    kind: Literal["prune"] = "prune"
    ratio: float = Field(0.5, gt=0, lt=1, description="share of each layer's channels to remove")
    steps: int = Field(2, ge=1, description="in how many rounds")
    epochs: int = Field(8, ge=1, description="of fine-tuning after each round")
    copies: int = Field(3, ge=0, description="variations of each train row to learn from")
    rate: float = Field(0.005, gt=0, description="learning rate of fine-tuning")
    temperature: float = Field(2.0, gt=0, description="how soft the whole network's answers are made")

    def apply(self, model: Model, data: PreparedData, store: Store, *, seed: int) -> Model:
        taught = lessons(model, data, store, copies=self.copies, seed=seed)
        whole = networks.load(store.fetch(model.artifact))
        return taught.keep(self._narrowed(whole, taught, seed), store)

    def _narrowed(self, network: Any, taught: Lessons, seed: int) -> Any:
        """The network after every round; the architecture is read back from its layers when it is kept."""
        widths = [_channels(layer) for layer in _prunable(network)]
        for step in range(1, self.steps + 1):
            left = (1 - self.ratio) ** (step / self.steps)
            narrower = _narrow(network, [max(1, round(width * left)) for width in widths])
            network = taught.teach(narrower, epochs=self.epochs, rate=self.rate, temperature=self.temperature,
                                   seed=seed + step)
        return network


def _prunable(network: Any) -> list[Any]:
    """The layers that may lose channels: all but those that answer."""
    planned = networks.describe(network)
    return _weighted(network)[:len(planned.get("channels", ())) + len(planned["hidden"])]


def _weighted(network: Any) -> list[Any]:
    from torch import nn

    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def _channels(layer: Any) -> int:
    return int(layer.weight.shape[0])


def _narrow(network: Any, widths: list[int]) -> Any:
    """A copy whose prunable layers have these widths, without the channels whose weights are smallest."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own deprecations, at import
        import torch_pruning

    narrower = copy.deepcopy(network)
    layers = _prunable(narrower)
    # half a channel more than is left: the library rounds down
    ratios = {layer: 1 - (width + 0.5) / _channels(layer) for layer, width in zip(layers, widths, strict=True)}
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    torch_pruning.pruner.BasePruner(narrower, torch.zeros(2, _width(narrower)), importance=importance,
                                    pruning_ratio_dict=ratios, ignored_layers=_weighted(narrower)[len(layers):]).step()
    return narrower


def _width(network: Any) -> int:
    architecture = networks.describe(network)
    if "inputs" in architecture:
        return int(architecture["inputs"])
    height, width = architecture["shape"]
    return int(height * width)
