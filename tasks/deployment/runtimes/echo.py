"""The null runtime: constant answers of the right shape, for tests and for timing the harness itself."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np

from tasks.deployment.runtimes._base import Feeds, Predict, Runtime, outputs_of
from tasks.records import Artifact, Candidate, Form, Schema
from tasks.store import Store


class Echo(Runtime):
    """Gives every row the same answer: each class as likely as the next, or zero."""

    kind: Literal["echo"] = "echo"
    takes: ClassVar[frozenset[Form]] = frozenset({"sklearn", "torch", "onnx"})
    tolerance: ClassVar[float] = math.inf

    def build(self, candidate: Candidate, threads: int, schema: Schema, store: Store) -> Artifact:  # noqa: ARG002
        return self.model_of(candidate).artifact

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:  # noqa: ARG002
        classes = len(schema.classes)

        def predict(feeds: Feeds) -> Feeds:
            rows = len(next(iter(feeds.values())))
            shape = (rows, classes) if classes else (rows,)
            return outputs_of(np.full(shape, 1 / classes if classes else 0.0, dtype=np.float32), schema)

        return predict
