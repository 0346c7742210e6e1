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
from tasks.records import Model, PreparedData
from tasks.store import Store
from tasks.training import networks, reference
from tasks.training.folds import Fitted
from tasks.training.neural import matrix


def test_a_graph_of_another_model_is_found_out(train, graph_of, mixed: PreparedData, shelf: Store) -> None:
    said = r"^(validation row \d+|train row \d+|column .* at .*): the graph answers .* the model .* they differ by"
    with pytest.raises(ParityError, match=said):
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
    """A graph that holds ages below 100 is wrong on no row that anybody has, and on the one that is made up."""
    graph = graphs.load(shelf.fetch(graph_of("mlp", mixed).artifact))
    for node in graph.graph.node:
        node.input[:] = ["held" if name == "age" else name for name in node.input]
    graph.graph.node.insert(0, onnx.helper.make_node("Min", ["age", "most"], ["held"]))
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.float32([100]), "most"))
    with pytest.raises(ParityError, match=r"^(column|all columns at once,) 'age' at 1000000\.0: the graph answers"):
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


FLOAT_MAX = float(np.finfo(np.float32).max)


@pytest.mark.parametrize(("far", "lead"), [(0.9999999 * FLOAT_MAX, 0.9999999 * FLOAT_MAX), (1e9, 64.0)],
                         ids=["breaks down", "wavers"])
def test_no_excuse_covers_another_answer(far: float, lead: float, digits: PreparedData, shelf: Store) -> None:
    """On rows of a million alone the graph says another class: there the model itself overflows, or is undecided."""
    model, other = (_of_far_pixels(digits, shelf, first, far, lead) for first in (1, 0))
    graph = export(other, digits.data_schema, digits, shelf)
    with pytest.raises(ParityError, match=r"at 1000000\.0: the graph answers"):
        parity(graph, model, digits, shelf, 1e-4)


def _of_far_pixels(prepared: PreparedData, store: Store, first: int, far: float, lead: float) -> Model:
    """A network with one answer for all images but those whose middle pixel is a million: then of class `first`.

    There its logit is `far`, and that of the other of the first two classes less by `lead`.
    """
    prepare, pixel = preparation.transformer(prepared.data_schema).fit(_typed(prepared, store)), 36
    row = _typed(prepared, store).iloc[[0]].copy()
    row.iloc[0, pixel] = 1e6
    network = networks.build({"kind": "mlp", "inputs": 64, "hidden": [1], "outputs": 10, "dropout": 0.0}, seed=0)
    hidden, answering = network[0], network[-1]
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        hidden.weight[0, pixel], hidden.bias[0] = 1.0, -1000.0
        active = float(matrix(prepare, row)[0, pixel]) - 1000
        answering.weight[first, 0], answering.weight[1 - first, 0] = far / active, (far - lead) / active
    return reference.keep(Fitted("torch", network.eval(), prepare, np.zeros((1, 10), np.float32)), store)


def _typed(prepared: PreparedData, store: Store) -> pd.DataFrame:
    return preparation.typed(preparation.load(prepared.train, store), prepared.data_schema)
