from __future__ import annotations

import numpy as np
import onnx
import pytest

from serving.engines.onnxruntime import open_graph
from serving.inputs import feeds
from tasks.data import preparation
from tasks.errors import UnsuitableModel
from tasks.optimization.export import export
from tasks.optimization.parity import ask, parity
from tasks.records import Model, PreparedData
from tasks.store import Store
from tasks.training import folds, reference
from tasks.training.families import Forest

CASES = [*((family, data) for data in ("mixed", "cancer", "diabetes", "digits")
           for family in ("constant", "linear", "forest", "boosting", "mlp")), ("cnn", "digits"),
         ("linear", "strange"), ("mlp", "strange")]


@pytest.fixture(params=CASES, ids=["-".join(case) for case in CASES])
def case(request, train, graph_of) -> tuple[Model, Model, PreparedData]:
    family, data = request.param
    prepared = request.getfixturevalue(data)
    return train(family, prepared).model, graph_of(family, prepared), prepared


def test_a_graph_answers_as_its_model(case, shelf: Store) -> None:
    model, graph, prepared = case
    found = parity(graph, model, prepared, shelf, 1e-4)
    assert found.rows > prepared.rows.validation
    assert found.largest_difference <= 1e-4


def test_a_graph_takes_raw_columns_and_gives_labels(case, shelf: Store) -> None:
    model, graph, prepared = case
    schema = prepared.data_schema
    frame = preparation.load(prepared.test, shelf)
    predict = open_graph(shelf.fetch(graph.artifact))
    found = predict(feeds(schema.model_dump(mode="json"), {name: frame[name].to_numpy() for name in frame.columns}))
    expected = reference.answers(model, frame, schema, shelf)
    if not schema.classes:
        assert list(found) == ["prediction"]
        assert found["prediction"].shape == (len(frame),)
        return
    assert list(found) == ["label", "probabilities"]
    assert found["probabilities"].dtype == np.float32
    assert found["label"].tolist() == np.array(schema.classes)[expected.argmax(axis=1)].tolist()


@pytest.mark.parametrize(("family", "data"), [("forest", "mixed"), ("mlp", "mixed"), ("cnn", "digits")])
def test_the_same_model_gives_the_same_bytes(family: str, data: str, request, train, graph_of, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    again = export(train(family, prepared).model, prepared.data_schema, prepared, shelf)
    assert again == graph_of(family, prepared)


def test_a_graph_holds_no_trace_of_where_it_was_made(graph_of, mixed: PreparedData, shelf: Store) -> None:
    graph = onnx.load(shelf.fetch(graph_of("mlp", mixed).artifact))
    assert not graph.metadata_props
    assert not graph.producer_name
    assert not any(node.metadata_props or node.doc_string for node in graph.graph.node)


@pytest.mark.parametrize("data", ["mixed", "strange"])
def test_inputs_have_the_names_and_types_of_the_schema(data: str, request, graph_of, shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    graph = onnx.load(shelf.fetch(graph_of("linear", prepared).artifact))
    kinds = {"number": onnx.TensorProto.FLOAT, "category": onnx.TensorProto.STRING}
    found = {value.name: value.type.tensor_type.elem_type for value in graph.graph.input}
    assert found == {column.name: kinds[column.kind] for column in prepared.data_schema.features}


def test_an_image_is_one_input(graph_of, digits: PreparedData, shelf: Store) -> None:
    graph = onnx.load(shelf.fetch(graph_of("forest", digits).artifact))
    assert [value.name for value in graph.graph.input] == ["image"]


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_network_takes_any_number_of_rows(rows: int, graph_of, digits: PreparedData, shelf: Store) -> None:
    predict = open_graph(shelf.fetch(graph_of("cnn", digits).artifact))
    assert predict({"image": np.zeros((rows, 8, 8), np.float32)})["probabilities"].shape == (rows, 10)


def test_a_graph_is_given_back_as_it_is(graph_of, mixed: PreparedData, shelf: Store) -> None:
    graph = graph_of("linear", mixed)
    assert export(graph, mixed.data_schema, mixed, shelf) is graph


def test_a_network_without_preprocessing_is_refused(train, mixed: PreparedData, shelf: Store) -> None:
    bare = train("mlp", mixed).model.model_copy(update={"preprocessing": None})
    with pytest.raises(UnsuitableModel, match="without its preprocessing"):
        export(bare, mixed.data_schema, mixed, shelf)


def test_a_tied_vote_has_one_answer_for_any_number_of_threads(mixed: PreparedData, shelf: Store) -> None:
    """A fiftieth is no number of 32 bits: a vote of 25 to 25 would be decided by the last bit of a sum."""
    schema, fold = mixed.data_schema, folds.fold(mixed, shelf)
    model = reference.keep(Forest(trees=50).fit(fold, Forest.first, seed=0, device="cpu"), shelf)
    frame = preparation.typed(preparation.load(mixed.validation, shelf), schema)
    expected = reference.answers(model, frame, schema, shelf)
    assert (expected[:, 0] == expected[:, 1]).any()
    for threads in (1, 2):
        found = ask(export(model, schema, mixed, shelf), frame, schema, shelf, threads)
        assert found.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()
