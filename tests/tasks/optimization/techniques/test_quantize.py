from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from tasks.data import preparation
from tasks.errors import OptimizationError, UnsuitableModel
from tasks.optimization import graphs
from tasks.optimization.parity import ask
from tasks.optimization.techniques import Distill, Quantize
from tasks.records import PreparedData
from tasks.store import Store

OPTIONS: list[dict[str, Any]] = [
    {}, {"per_channel": False}, {"calibration": "entropy", "rows": 40}, {"calibration": "percentile", "rows": 40},
    {"reduce_range": True}, {"method": "dynamic"}, {"method": "dynamic", "per_channel": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_network_shrinks_and_answers_nearly_alike(options: dict[str, Any], graph_of, digits: PreparedData,
                                                    shelf: Store) -> None:
    graph = graph_of("mlp", digits)
    smaller = Quantize(**options).apply(graph, digits, shelf, seed=0)
    assert smaller.size_bytes < 0.6 * graph.size_bytes
    typed = preparation.typed(preparation.load(digits.validation, shelf), digits.data_schema)
    whole, found = (ask(model, typed, digits.data_schema, shelf) for model in (graph, smaller))
    assert np.mean(whole.argmax(1) == found.argmax(1)) > 0.95
    assert np.abs(whole - found).max() > 0


@pytest.mark.parametrize(("method", "data"), [("static", "mixed"), ("dynamic", "mixed"), ("static", "strange")])
def test_what_stands_around_the_network_stays_in_floats(method: str, data: str, request, graph_of,
                                                        shelf: Store) -> None:
    prepared = request.getfixturevalue(data)
    before = graphs.load(shelf.fetch(graph_of("mlp", prepared).artifact))
    smaller = Quantize(method=method).apply(graph_of("mlp", prepared), prepared, shelf, seed=0)
    after = graphs.load(shelf.fetch(smaller.artifact))
    around = {"Imputer", "OneHotEncoder", "Sub", "Div", "Softmax", "ArgMax", "LabelEncoder"}
    kept = [[node.op_type for node in graph.graph.node if node.op_type in around] for graph in (before, after)]
    assert kept[0] == kept[1]
    assert any(constant.data_type == onnx.TensorProto.INT8 for constant in after.graph.initializer)
    last = next(node for node in after.graph.node if node.op_type == "Softmax")
    assert "QuantizeLinear" not in {node.op_type for node in after.graph.node if last.input[0] in node.output}


def test_a_convolution_is_quantized_too(graph_of, digits: PreparedData, shelf: Store) -> None:
    smaller = Quantize().apply(graph_of("cnn", digits), digits, shelf, seed=0)
    weights = [onnx.numpy_helper.to_array(c) for c in graphs.load(shelf.fetch(smaller.artifact)).graph.initializer]
    assert not [weight.shape for weight in weights if weight.dtype == np.float32 and weight.size > 64]


def test_the_same_graph_gives_the_same_bytes(graph_of, digits: PreparedData, shelf: Store) -> None:
    first, second = (Quantize().apply(graph_of("cnn", digits), digits, shelf, seed=seed) for seed in (0, 1))
    assert first == second


def test_a_forest_has_nothing_to_quantize(graph_of, mixed: PreparedData, shelf: Store) -> None:
    with pytest.raises(UnsuitableModel, match="no convolution and no matrix product"):
        Quantize().apply(graph_of("forest", mixed), mixed, shelf, seed=0)


def test_a_network_too_small_to_shrink_is_an_error(train, mixed: PreparedData, shelf: Store) -> None:
    from tasks.optimization.export import export

    tiny = Distill(widths=(2,), epochs=1, copies=0).apply(train("linear", mixed).model, mixed, shelf, seed=0)
    with pytest.raises(OptimizationError, match="not worth 8 bits"):
        Quantize().apply(export(tiny, mixed.data_schema, mixed, shelf), mixed, shelf, seed=0)
