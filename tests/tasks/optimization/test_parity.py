from __future__ import annotations

import numpy as np
import onnx
import pandas as pd
import pytest
import torch

from tasks.data import preparation
from tasks.errors import ParityError
from tasks.optimization import graphs
from tasks.optimization.export import export, keep
from tasks.optimization.parity import parity
from tasks.records import PreparedData
from tasks.store import Store
from tasks.training import networks, reference
from tasks.training.folds import Fitted


def test_a_graph_of_another_model_is_found_out(train, graph_of, mixed: PreparedData, shelf: Store) -> None:
    with pytest.raises(ParityError, match=r"row \d+|column .* at .*the graph answers .* the model .* they differ by"):
        parity(graph_of("linear", mixed), train("forest", mixed).model, mixed, shelf, 1e-4)


def test_a_graph_that_knows_an_unseen_category_is_found_out(train, graph_of, mixed: PreparedData, shelf: Store) -> None:
    """The first category is given to what is unseen: right on every known row, wrong on the probe."""
    graph = graphs.load(shelf.fetch(graph_of("linear", mixed).artifact))
    for node in graph.graph.node:
        if node.op_type == "OneHotEncoder":
            names = next(a for a in node.attribute if a.name == "cats_strings")
            names.strings[0] = b"farrier:unseen"
    with pytest.raises(ParityError):
        parity(keep(graph, shelf), train("linear", mixed).model, mixed, shelf, 1e-4)


def test_the_error_names_the_column_and_its_value(train, graph_of, mixed: PreparedData, shelf: Store) -> None:
    """Rounding a mean matters only where a value is far from it."""
    graph = graphs.load(shelf.fetch(graph_of("mlp", mixed).artifact))
    for constant in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        if constant.data_type == onnx.TensorProto.FLOAT and values.shape == (2,):
            constant.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(1.002), constant.name))
    with pytest.raises(ParityError, match=r"'age'|'spent'|row"):
        parity(keep(graph, shelf), train("mlp", mixed).model, mixed, shelf, 1e-4)


def test_a_far_row_where_the_model_itself_wavers_says_nothing(digits: PreparedData, shelf: Store) -> None:
    """Two classes nearly tied, and inputs of a million: float32 cannot add that up in two orders alike."""
    network = networks.build({"kind": "mlp", "inputs": 64, "hidden": [200], "outputs": 10, "dropout": 0.0}, seed=1)
    with torch.no_grad():
        answering = network[-1]
        answering.weight[1] = answering.weight[0] + 1e-6 * torch.randn(200, generator=torch.manual_seed(0))
        answering.bias[2:] = -1e9
    prepare = preparation.transformer(digits.data_schema).fit(_typed(digits, shelf))
    model = reference.keep(Fitted("torch", network.eval(), prepare, np.zeros((1, 10), np.float32)), shelf)
    graph = export(model, digits.data_schema, digits, shelf)
    assert parity(graph, model, digits, shelf, 1e-6).largest_difference <= 1e-6


def _typed(prepared: PreparedData, store: Store) -> pd.DataFrame:
    return preparation.typed(preparation.load(prepared.train, store), prepared.data_schema)
