"""The proof that a graph answers as the model that it was made from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tasks.data import preparation
from tasks.errors import ParityError
from tasks.optimization.probes import Probes, probes
from tasks.optimization.rounding import differences, unrest
from tasks.records import Model, Parity, PreparedData, Schema
from tasks.store import Store
from tasks.training import reference as trained

ROWS = 1_000  # of train
GRACE = 0.01  # the most that is excused: hundreds of times what trained models waver, too little for another answer


def parity(graph: Model, reference: Model, prepared: PreparedData, store: Store, tolerance: float) -> Parity:
    """Compare a graph with its trained model: all validation rows, train rows, and rows made to be difficult.

    Train rows are where trees split: there a last bit decides.

    The difference is of probabilities, or of predictions relative to the larger of 1 and the model's own. Raises
    ParityError, with the row and both answers, where the largest that is not excused is above the tolerance or an
    answer is not a number.
    """
    schema = prepared.data_schema
    validation, train = preparation.load(prepared.validation, store), preparation.load(prepared.train, store)
    train = train.iloc[np.unique(np.linspace(0, len(train) - 1, ROWS).astype(int))]
    splits = {"validation": validation, "train": train}
    tried = probes({name: preparation.typed(rows, schema) for name, rows in splits.items()}, schema)
    expected = trained.answers(reference, tried.frame, schema, store)
    found = ask(graph, tried.frame, schema, store)
    difference, excused = differences(found, expected, relative=not schema.classes), np.zeros(len(tried.names))
    made_up = slice(tried.real, None)
    wavers = unrest(reference, tried.frame.iloc[made_up], expected[made_up], schema, store)
    excused[made_up] = np.minimum(excuse(wavers), difference[made_up])
    _refuse(difference - excused, tolerance, tried, found, expected)
    return Parity(rows=len(tried.names), largest_difference=float(difference.max()),
                  largest_excuse=float(excused.max()), tolerance=tolerance)


def excuse(wavers: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a difference is excused where the model's own answer wavers so much; nothing where it breaks down.

    >>> excuse(np.array([0.0, 0.004, 0.7, np.inf, np.nan])).tolist()
    [0.0, 0.004, 0.01, 0.0, 0.0]
    """
    return np.asarray(np.where(np.isfinite(wavers), np.minimum(wavers, GRACE), 0.0), dtype=np.float64)


def ask(graph: Model, frame: DataFrame, schema: Schema, store: Store, threads: int = 1) -> NDArray[np.float32]:
    """A graph's answers for a frame, through the engine that serves: probabilities [N, K] or predictions [N]."""
    from serving.engines.onnxruntime import open_graph
    from serving.inputs import feeds

    arrays = feeds(schema.model_dump(mode="json"), {c.name: frame[c.name].to_numpy() for c in schema.features})
    outputs = open_graph(store.fetch(graph.artifact), threads)(arrays)
    return np.asarray(outputs["probabilities" if schema.classes else "prediction"], dtype=np.float32)


def _refuse(difference: NDArray[np.float64], tolerance: float, tried: Probes, found: NDArray[Any],
            expected: NDArray[Any]) -> None:
    worst = int(difference.argmax())
    if not difference[worst] <= tolerance:
        raise ParityError(f"{tried.names[worst]}: the graph answers {np.round(found[worst], 6).tolist()}, the model "
                          f"{np.round(expected[worst], 6).tolist()}; they differ by {difference[worst]:.3g} and "
                          f"{tolerance:.3g} is allowed ({int((difference > tolerance).sum())} of {len(difference)} "
                          f"rows are beyond it). Leave this family out, or raise optimization.parity_tolerance.")
