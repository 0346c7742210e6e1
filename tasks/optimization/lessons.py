"""What a model can teach a smaller one: its answers to train rows, and to rows like them that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.data import preparation
from tasks.records import Model, PreparedData, Schema
from tasks.store import Store
from tasks.training import networks, reference
from tasks.training.augmentation import Distortion
from tasks.training.folds import Fitted
from tasks.training.learning import train_network
from tasks.training.neural import matrix

Floats = NDArray[np.float32]
BASE_ROWS = 20_000  # train rows that are varied: more would teach little more
SPREAD = 4.0  # MUNGE's local variance: a quarter of the distance to the neighbor
DECAY = 0.01  # of weights, while learning
SWAP = 0.5  # and its chance that a value moves to the neighbor's


@dataclass(frozen=True)
class Lessons:
    """Rows as a network reads them, (rows, features), and what the teacher answers to each."""

    prepare: Any
    rows: Floats
    answers: Floats
    schema: Schema

    def teach(self, network: Any, *, epochs: int, rate: float, temperature: float, seed: int) -> Any:
        """A copy of the network that learned the teacher's answers, softened by the temperature."""
        return train_network(network, self.rows, self.answers, epochs=epochs, lr=rate, weight_decay=DECAY, seed=seed,
                             soft_targets=self.answers if self.schema.classes else None, temperature=temperature)

    def keep(self, network: Any, store: Store) -> Model:
        """The network with the preprocessing that it learned behind, in the store."""
        answers = networks.ask_network(network, self.rows[:1], regression=not self.schema.classes)
        return reference.keep(Fitted("torch", network, self.prepare, answers), store)


def lessons(teacher: Model, data: PreparedData, store: Store, *, copies: int, seed: int) -> Lessons:
    """Train rows and `copies` variations of each, answered by the teacher."""
    schema = data.data_schema
    train = preparation.typed(preparation.load(data.train, store), schema)
    prepare = _preprocessing(teacher, store)
    frame = pd.concat([train, *variations(train, schema, prepare, copies=copies, seed=seed)], ignore_index=True)
    return Lessons(prepare, matrix(prepare, frame), reference.answers(teacher, frame, schema, store), schema)


def _preprocessing(teacher: Model, store: Store) -> Any:
    """The fitted transformer from the typed frame to a matrix."""
    if teacher.preprocessing is not None:
        return reference.load_sklearn(store.fetch(teacher.preprocessing))
    return reference.load_sklearn(store.fetch(teacher.artifact)).steps[0][1]


def variations(train: pd.DataFrame, schema: Schema, prepare: Any, *, copies: int, seed: int) -> list[pd.DataFrame]:
    """Rows like the given typed ones: images a little distorted, others between a row and its nearest neighbor."""
    base = train.iloc[np.unique(np.linspace(0, len(train) - 1, BASE_ROWS).astype(int))]
    if schema.input == "image":
        return [_distorted(base, schema, seed + copy) for copy in range(copies)]
    neighbors = base.iloc[_nearest(matrix(prepare, base))]
    return [_between(base, neighbors, schema, np.random.default_rng([seed, copy])) for copy in range(copies)]


def _distorted(images: pd.DataFrame, schema: Schema, seed: int) -> pd.DataFrame:
    import torch

    height, width = schema.shape
    dark = schema.features[0].low or 0.0
    pixels = torch.from_numpy(images.to_numpy(dtype=np.float32, copy=True)) - dark
    moved = Distortion((height, width))(pixels, torch.Generator().manual_seed(seed)) + dark
    return pd.DataFrame(moved.numpy(), columns=images.columns)


def _nearest(rows: Floats) -> NDArray[np.intp]:
    """The place of each row's nearest other row; of the one row, its own."""
    from sklearn.neighbors import NearestNeighbors

    if len(rows) < 2:
        return np.zeros(len(rows), dtype=np.intp)
    found = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows, return_distance=False)
    places: NDArray[np.intp] = np.where(found[:, 0] == np.arange(len(rows)), found[:, 1], found[:, 0])
    return places


def _between(rows: pd.DataFrame, neighbors: pd.DataFrame, schema: Schema, random: np.random.Generator) -> pd.DataFrame:
    """MUNGE (Bucilă, Caruana & Niculescu-Mizil, Model Compression, 2006): some values moved to about the neighbor's."""
    columns = {}
    for column in schema.features:
        own, other = rows[column.name].to_numpy(), neighbors[column.name].to_numpy()
        if column.kind == "number":
            noise = random.standard_normal(len(rows))
            other = (other + noise * np.abs(own - other) / SPREAD).astype(np.float32)
        moved = np.where(random.random(len(rows)) < SWAP, other, own)
        columns[column.name] = pd.Series(moved, dtype=rows[column.name].dtype)  # objects would become pandas' own text
    return pd.DataFrame(columns)
