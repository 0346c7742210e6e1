"""A small network that learns from a large model."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from tasks.optimization.lessons import Lessons, lessons
from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Model, PreparedData, Schema
from tasks.store import Store
from tasks.training import networks


class Distill(Technique):
    """Teach a small network the answers of any model, trees included, to train rows and to many rows like them.

    Soft labels at a temperature (Hinton et al., Distilling the Knowledge in a Neural Network, 2015), on augmented
    rows (Bucilă et al., Model Compression, 2006): the teacher answers rows that nobody labeled.
    """

    accepts: ClassVar[frozenset[Form]] = frozenset({"sklearn", "torch"})
    yields: ClassVar[Form | None] = "torch"
    kind: Literal["distill"] = "distill"
    student: Literal["mlp", "cnn"] = "mlp"
    widths: tuple[int, ...] = Field((64, 32), description="of an mlp's hidden layers, or of a cnn's convolutions")
    pools: tuple[int, ...] = Field((2,), description="after how many convolutions a 2 by 2 maximum is taken; cnn only")
    temperature: float = Field(2.0, gt=0, description="how soft the teacher's answers are made")
    epochs: int = Field(20, ge=1)
    copies: int = Field(4, ge=0, description="variations of each train row to learn from")
    rate: float = Field(0.01, gt=0, description="learning rate")

    def suits(self, schema: Schema) -> bool:
        return self.student == "mlp" or schema.input == "image"

    def family(self, given: str) -> str:  # noqa: ARG002
        return self.student

    def apply(self, model: Model, data: PreparedData, store: Store, *, seed: int) -> Model:
        taught = lessons(model, data, store, copies=self.copies, seed=seed)
        student = networks.build(self._architecture(taught), seed=seed)
        return taught.keep(taught.teach(student, epochs=self.epochs, rate=self.rate, temperature=self.temperature,
                                        seed=seed), store)

    def _architecture(self, taught: Lessons) -> networks.Architecture:
        schema = taught.schema
        if self.student == "mlp":
            shape: dict[str, Any] = {"kind": "mlp", "inputs": taught.rows.shape[1], "hidden": list(self.widths)}
        else:
            shape = {"kind": "cnn", "shape": list(schema.shape), "channels": list(self.widths),
                     "pools": list(self.pools), "hidden": []}
        if schema.classes:
            return {**shape, "outputs": len(schema.classes), "dropout": 0.0}
        unit = {"mean": float(taught.answers.mean()), "scale": float(taught.answers.std()) or 1.0}
        return {**shape, "outputs": 1, "dropout": 0.0, **unit}
