"""The null: what every other technique is compared with."""

from __future__ import annotations

from typing import ClassVar, Literal

from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Model, PreparedData
from tasks.store import Store


class Keep(Technique):
    """Changes nothing: the model as it was trained."""

    accepts: ClassVar[frozenset[Form]] = frozenset({"sklearn", "torch", "onnx"})
    kind: Literal["keep"] = "keep"

    def apply(self, model: Model, data: PreparedData, store: Store, *, seed: int) -> Model:  # noqa: ARG002
        return model
