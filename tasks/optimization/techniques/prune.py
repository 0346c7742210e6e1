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
        for step in range(self.steps):
            left = (1 - self.ratio) ** (1 / self.steps)  # so that the rounds together leave 1 - ratio
            network = taught.teach(_without_least(network, 1 - left), epochs=self.epochs, rate=self.rate,
                                   temperature=self.temperature, seed=seed + step)
        return network


def _without_least(network: Any, ratio: float) -> Any:
    """A copy without this share of each layer's channels; the layers that answer stay whole."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own deprecations, at import
        import torch_pruning

    narrower = copy.deepcopy(network)
    dense = [layer for layer in narrower.modules() if isinstance(layer, torch.nn.Linear)]
    answering = [layer for layer in dense if layer.out_features == dense[-1].out_features]
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    torch_pruning.pruner.BasePruner(narrower, torch.zeros(2, _width(narrower)), importance=importance,
                                    pruning_ratio=ratio, ignored_layers=answering).step()
    return narrower


def _width(network: Any) -> int:
    architecture = networks.describe(network)
    if "inputs" in architecture:
        return int(architecture["inputs"])
    height, width = architecture["shape"]
    return int(height * width)
