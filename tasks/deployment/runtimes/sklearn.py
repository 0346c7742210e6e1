"""scikit-learn: the trained pipeline as it is, the honest reference."""

from __future__ import annotations

from typing import ClassVar, Literal

from tasks.deployment.runtimes._base import Feeds, Predict, Reference, frame_of, outputs_of
from tasks.records import Artifact, Form, Schema
from tasks.store import Store


class Sklearn(Reference):
    """A fitted pipeline, asked with a frame for each request."""

    kind: Literal["sklearn"] = "sklearn"
    takes: ClassVar[frozenset[Form]] = frozenset({"sklearn"})
    tolerance: ClassVar[float] = 1e-6
    package: ClassVar[str | None] = "sklearn"

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:  # noqa: ARG002
        from tasks.training.pipelines import ask, load_sklearn

        pipeline = load_sklearn(store.fetch(self.built_model(built, store).artifact))

        def predict(feeds: Feeds) -> Feeds:
            return outputs_of(ask(pipeline, frame_of(feeds, schema), schema), schema)

        return predict
