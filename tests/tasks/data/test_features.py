from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.features import target, transformer, typed
from tasks.data.preparation import load
from tasks.errors import DataError
from tasks.records import Column, PreparedData, Schema
from tasks.store import Store

SCHEMA = Schema(
    columns=(Column(name="a", kind="number", dtype="double", nullable=True),
             Column(name="id", kind="identifier", dtype="string"),
             Column(name="c", kind="category", dtype="string", nullable=True, categories=("x", "y"))),
    target=Column(name="t", kind="category", dtype="string", categories=("no", "yes")), task="binary")
IMAGE = Schema(
    input="image", shape=(1, 2), target=SCHEMA.target, task="binary",
    columns=tuple(Column(name=f"pixel_0_{i}", kind="number", dtype="double", low=0, high=16) for i in range(2)))
FRAME = pd.DataFrame({"c": ["x", None, "new"], "a": [1.0, np.nan, 3.0], "id": ["1", "2", "3"],
                      "t": ["yes", "no", "no"]})


def test_the_typed_frame_holds_the_features_alone() -> None:
    found = typed(FRAME, SCHEMA)
    assert found.columns.tolist() == ["a", "c"]
    assert found["a"].dtype == np.float32
    assert found["c"].dtype == object
    assert found["c"].tolist() == ["x", "", "new"]
    assert all(type(value) is str for value in found["c"])
    assert found["a"].isna().tolist() == [False, True, False]


def test_a_lost_column_is_named() -> None:
    with pytest.raises(DataError, match=r"\['a'\] are not in the rows"):
        typed(FRAME.drop(columns="a"), SCHEMA)


def test_the_target_is_an_index_into_the_classes() -> None:
    found = target(FRAME, SCHEMA)
    assert found.dtype == np.int64
    assert found.tolist() == [1, 0, 0]
    with pytest.raises(DataError, match="'maybe' is not among"):
        target(pd.DataFrame({"t": ["maybe"]}), SCHEMA)


def test_a_regression_keeps_its_numbers() -> None:
    schema = SCHEMA.model_copy(update={"task": "regression", "target": SCHEMA.columns[0]})
    assert target(FRAME[["a"]].dropna(), schema).tolist() == [1.0, 3.0]


def test_rows_become_a_matrix() -> None:
    found = transformer(SCHEMA).fit_transform(typed(FRAME, SCHEMA))
    assert found.dtype == np.float32
    assert found[:, 0] == pytest.approx([-1.2247449, 0.0, 1.2247449])  # the median of 1 and 3 stands in the middle
    assert found[:, 1:].tolist() == [[1, 0], [0, 0], [0, 0]]


def test_pixels_keep_the_range_of_the_set() -> None:
    """A pixel that train never lit is scaled like the others."""
    dark = pd.DataFrame({"pixel_0_0": [0.0, 8.0], "pixel_0_1": [0.0, 0.0]}, dtype="float32")
    fitted = transformer(IMAGE).fit(dark)
    lit = pd.DataFrame({"pixel_0_0": [16.0], "pixel_0_1": [16.0]}, dtype="float32")
    assert fitted.transform(lit).tolist() == [[1.0, 1.0]]
    assert fitted.transform(lit).dtype == np.float32


@pytest.mark.parametrize("name", ["mixed", "cancer", "digits"])
def test_the_graph_of_the_transformer_gives_the_same_matrix(name: str, request: pytest.FixtureRequest) -> None:
    from onnxruntime import InferenceSession
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    prepared: PreparedData = request.getfixturevalue(name)
    schema = prepared.data_schema
    fitted = transformer(schema).fit(typed(load(prepared.train, Store()), schema))
    rows = typed(load(prepared.validation, Store()), schema)
    if name == "mixed":
        rows.loc[0, "city"] = "Atlantis"
    kinds = [(c.name, FloatTensorType([None, 1]) if c.kind == "number" else StringTensorType([None, 1]))
             for c in schema.features]
    session = InferenceSession(to_onnx(fitted, initial_types=kinds).SerializeToString())
    (found,) = session.run(None, {c.name: rows[[c.name]].to_numpy() for c in schema.features})
    np.testing.assert_allclose(found, fitted.transform(rows), atol=1e-5)
