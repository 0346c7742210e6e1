"""PyTorch: the trained network in eager mode behind its preprocessing, the honest reference."""

from __future__ import annotations

from typing import ClassVar, Literal

from tasks.deployment.runtimes._base import Feeds, Predict, Reference, frame_of, outputs_of
from tasks.errors import DeploymentError
from tasks.records import Artifact, Form, Schema
from tasks.store import Store


class Torch(Reference):
    """A network, asked with a frame for each request."""

    kind: Literal["torch"] = "torch"
    takes: ClassVar[frozenset[Form]] = frozenset({"torch"})
    tolerance: ClassVar[float] = 1e-5
    package: ClassVar[str | None] = "torch"

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:
        import torch

        from tasks.training.networks import ask_network, load
        from tasks.training.neural import matrix
        from tasks.training.pipelines import load_sklearn

        model = self.built_model(built, store)
        if model.preprocessing is None:
            raise DeploymentError("the network has no preprocessing beside it, so it cannot take rows. Train it again.")
        torch.set_num_threads(threads)
        network, preprocessing = load(store.fetch(model.artifact)), load_sklearn(store.fetch(model.preprocessing))
        regression = not schema.classes

        def predict(feeds: Feeds) -> Feeds:
            rows = matrix(preprocessing, frame_of(feeds, schema))
            return outputs_of(ask_network(network, rows, regression=regression), schema)

        return predict
