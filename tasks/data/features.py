"""From prepared rows to what models read: the typed frame, the target, and the transformer into a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.errors import DataError
from tasks.records import Column, Schema


def typed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Exactly the schema's features in order: numbers float32 (missing NaN), categories str objects (missing '')."""
    if absent := [column.name for column in schema.features if column.name not in frame.columns]:
        raise DataError(f"columns {absent[:5]} are not in the rows: the schema names {len(schema.features)} features.")
    return pd.DataFrame({c.name: _values(frame[c.name], c) for c in schema.features}, index=frame.index)


def _values(values: pd.Series, column: Column) -> pd.Series:
    if column.kind == "number":
        return values.astype("float32")
    return values.astype(object).where(values.notna(), "")


def target(frame: pd.DataFrame, schema: Schema) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    """The answers: int64 indices into schema.classes, or float64 for a regression.

    Raises DataError for a label that is not among the classes.
    """
    answers = frame[schema.target.name]
    if schema.task == "regression":
        return answers.to_numpy(dtype=np.float64)
    places = pd.Index(schema.classes).get_indexer(pd.Index(answers))
    if (places < 0).any():
        raise DataError(f"label {answers[places < 0].iloc[0]!r} is not among the classes {schema.classes[:5]}…")
    return np.asarray(places, dtype=np.int64)


def transformer(schema: Schema) -> Any:
    """An unfitted ColumnTransformer from the typed frame to a dense float32 matrix.

    Rows: numbers have the median for what is missing and are standardized; categories are one-hot over the schema's
    list, and what is unseen or missing is all zeros. Image: pixels are divided by the width of the schema's range,
    which puts 0..255 in [0, 1]; a scaler fitted on rows would blow up pixels that train never lit.
    """
    return _of_image(schema) if schema.input == "image" else _of_rows(schema)


def _of_image(schema: Schema) -> Any:
    from sklearn.compose import ColumnTransformer

    names = [column.name for column in schema.features]
    first = schema.features[0]
    width = (first.high or 0.0) - (first.low or 0.0)
    return ColumnTransformer([("pixels", "passthrough", names)], transformer_weights={"pixels": 1 / width},
                             sparse_threshold=0, verbose_feature_names_out=False)


def _of_rows(schema: Schema) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [c.name for c in schema.features if c.kind == "number"]
    categories = [c for c in schema.features if c.kind == "category"]
    scale = Pipeline([("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
                      ("scale", StandardScaler())])
    encode = OneHotEncoder(categories=[np.array(c.categories, dtype=object) for c in categories],
                           handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    parts = [("numbers", scale, numbers), ("categories", encode, [c.name for c in categories])]
    return ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0, verbose_feature_names_out=False)
