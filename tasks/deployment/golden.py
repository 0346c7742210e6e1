"""The golden rows of a package: validation rows and the odd ones, with what the packed model answers to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serving.engines.onnxruntime import open_graph
from serving.inputs import feeds
from tasks.data.preparation import load, typed
from tasks.errors import DeploymentError
from tasks.records import PreparedData, Schema
from tasks.store import Store

ROWS = 24
UNSEEN = "a category that no row had"


def golden_rows(model: Path, prepared: PreparedData, threads: int, tolerance: float, store: Store) -> dict[str, Any]:
    """Columns, the answers to them and the tolerance of a replay, as plain JSON.

    Raises DeploymentError where an answer is no finite number: such a model must not be served.
    """
    schema = prepared.data_schema
    columns = _columns(typed(load(prepared.validation, store), schema), schema)
    answers = open_graph(model, threads)(feeds(schema.model_dump(mode="json"), columns))
    outputs = {name: np.asarray(answer) for name, answer in answers.items()}
    numbers = outputs["probabilities" if schema.classes else "prediction"]
    if not np.isfinite(numbers).all():
        raise DeploymentError(f"{model.name} answers {numbers[~np.isfinite(numbers)][0]} to a golden row: "
                              f"a missing value or an unseen category reaches the model unhandled.")
    return {"columns": columns, "outputs": {name: answer.tolist() for name, answer in sorted(outputs.items())},
            "classes": list(schema.classes), "tolerance": tolerance}


def _columns(frame: pd.DataFrame, schema: Schema) -> dict[str, list[Any]]:
    """Rows spread evenly over validation, then the odd ones; missing is null."""
    chosen = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, min(ROWS, len(frame))).astype(int))]
    odd = _odd_images(schema) if schema.input == "image" else _odd_rows(schema)
    return {column.name: [_plain(value) for value in chosen[column.name]] + odd[column.name]
            for column in schema.features}


def _odd_rows(schema: Schema) -> dict[str, list[Any]]:
    """A row where everything is missing, and one with nothing but unseen categories and numbers far outside."""
    return {c.name: [None, UNSEEN if c.kind == "category" else 10 * (abs(c.high or 0) + 1)] for c in schema.features}


def _odd_images(schema: Schema) -> dict[str, list[Any]]:
    """A black image and a white one."""
    high = max(column.high or 0 for column in schema.features)
    return {column.name: [0.0, float(high)] for column in schema.features}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value or None
    return None if np.isnan(value) else float(value)
