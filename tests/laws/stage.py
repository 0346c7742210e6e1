"""What the laws play on: tiny data of each shape, small models of each form, and an example of each plug-in."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.data import preparation
from tasks.data.collection import collect
from tasks.data.settings import DataSettings
from tasks.data.sources import File, Idx, Sklearn, Synthetic
from tasks.optimization.export import export
from tasks.optimization.techniques import Distill, Prune, Quantize
from tasks.plugins import Plugin
from tasks.records import Candidate, Form, Model, Parity, PreparedData, Recipe, Schema
from tasks.store import Store
from tasks.training import reference
from tasks.training.families import Boosting, Cnn, Forest, Linear, Mlp
from tasks.training.families._base import Family
from tasks.training.folds import Fitted, Fold, fold
from tasks.training.metrics import estimate

Example = Callable[[Path], Plugin]


def _file(folder: Path) -> File:
    pd.DataFrame({"size": [1.5, None, 3.0], "city": ["Bern", None, "Zug"]}).to_csv(folder / "rows.csv", index=False)
    return File(path=str(folder / "rows.csv"))


def _idx(folder: Path) -> Idx:
    """150 of scikit-learn's digits: the zeros, ones and twos."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(n_class=3, return_X_y=True)
    pictures = images[:150].reshape(-1, 8, 8).astype(np.uint8)
    for name, array in (("images", pictures), ("labels", labels[:150].astype(np.uint8))):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / name).write_bytes(header + array.tobytes())
    return Idx(images=str(folder / "images"), labels=str(folder / "labels"))


EXAMPLES: dict[type[Plugin], Example] = {
    File: _file,
    Idx: _idx,
    Sklearn: lambda _: Sklearn(name="iris"),
    Synthetic: lambda _: Synthetic(rows=30),
    Forest: lambda _: Forest(trees=8),
    Boosting: lambda _: Boosting(iterations=8),
    Mlp: lambda _: Mlp(hidden=(48, 32), epochs=2),
    Cnn: lambda _: Cnn(channels=(8, 16), epochs=2),
    Distill: lambda _: Distill(epochs=1, copies=1),
    Prune: lambda _: Prune(steps=1, epochs=1, copies=0),
    Quantize: lambda _: Quantize(rows=16),
}


def example(member: type[Plugin], folder: Path) -> Any:
    """A small instance of a plug-in, from the table above or its defaults; files that it reads are made in `folder`."""
    if member in EXAMPLES:
        return EXAMPLES[member](folder)
    try:
        return member()  # type: ignore[call-arg]
    except ValidationError as problem:
        pytest.fail(f"{member.__name__} cannot be made without options, and has no example. Add a line to EXAMPLES in "
                    f"{__file__}: {member.__name__}: lambda folder: {member.__name__}(…).\n{problem}")


@dataclass(frozen=True)
class Scene:
    """Prepared rows, and what tests ask of them."""

    prepared: PreparedData
    fold: Fold

    @property
    def schema(self) -> Schema:
        return self.prepared.data_schema

    @property
    def primary(self) -> str:
        return "accuracy" if self.schema.classes else "rmse"


class Stage:
    """Scenes by name (rows, regression, image), with the models that were made on them, each made once."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        made = {"rows": {"source": {"kind": "synthetic", "rows": 150, "missing": 0.05}},
                "regression": {"source": {"kind": "synthetic", "rows": 100, "task": "regression"}},
                "image": {"source": _idx(folder).model_dump(), "input": "image", "shape": (8, 8)}}
        self.scenes = {name: self._prepared(DataSettings.model_validate(settings)) for name, settings in made.items()}
        self.fit = cache(self._fit)
        self.model = cache(self._model)
        self.candidate = cache(self._candidate)

    def _prepared(self, settings: DataSettings) -> Scene:
        prepared = preparation.prepare(collect(settings, self.store), settings, self.store)
        return Scene(prepared, fold(prepared, self.store))

    def _fit(self, family: Family, scene: str) -> Fitted:
        return family.fit(self.scenes[scene].fold, dict(family.first), seed=0, device="cpu")

    def _model(self, family: type[Family], form: Form, scene: str) -> Model:
        """A small trained model of a family; as a graph where that is the form."""
        model = reference.keep(self.fit(EXAMPLES.get(family, lambda _: family())(Path()), scene), self.store)
        prepared = self.scenes[scene].prepared
        return export(model, prepared.data_schema, prepared, self.store) if form == "onnx" else model

    def _candidate(self, family: type[Family], scene: str) -> Candidate:
        """A candidate as `keep` makes it: the graph, and the model before its export."""
        source, graph = (self.model(family, form, scene) for form in (family.yields, "onnx"))
        data = self.scenes[scene].fold
        answers = reference.answers(source, data.validation, data.schema, self.store)
        return Candidate(
            name=scene, model=graph, source=source, recipe=Recipe(name="keep", chain=json.dumps([{"kind": "keep"}])),
            family=family.model_fields["kind"].default, parent=source.artifact.sha256, size_bytes=graph.size_bytes,
            quality=estimate(self.scenes[scene].primary, data.validation_target, answers),
            answers=reference.keep_answers(answers, self.store),
            parity=Parity(rows=len(answers), largest_difference=0.0, tolerance=1e-4))


FAMILIES: dict[Form, type[Family]] = {"sklearn": Linear, "torch": Mlp, "onnx": Mlp}  # where a test may choose


def check_answers(answers: np.ndarray, rows: int, schema: Schema) -> None:
    """Answers are float32 and finite: probabilities (rows, classes) that sum to one, or predictions (rows,)."""
    assert answers.dtype == np.float32
    assert answers.shape == ((rows, len(schema.classes)) if schema.classes else (rows,))
    assert np.isfinite(answers).all()
    if schema.classes:
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
