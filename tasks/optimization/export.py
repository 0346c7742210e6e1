"""The interchange: one ONNX graph, raw columns in, answers out."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tasks.errors import OptimizationError, UnsuitableModel
from tasks.optimization import graphs
from tasks.records import Model, PreparedData, Schema
from tasks.store import Store

MATRIX = "farrier:matrix"
LOGITS = "farrier:logits"


def export(model: Model, schema: Schema, prepared: PreparedData, store: Store) -> Model:  # noqa: ARG001
    """The model as one fused graph: named raw columns to `label` and `probabilities`, or `prediction`.

    A graph is given back as it is. Raises OptimizationError where a step of the pipeline has no operator.
    """
    if model.form == "onnx":
        return model
    graph = _from_sklearn(model, schema, store) if model.form == "sklearn" else _from_torch(model, schema, store)
    return keep(graph, store)


def keep(graph: graphs.Graph, store: Store) -> Model:
    """A graph in the store, checked."""
    with store.scratch() as folder:
        graphs.save(graph, path := folder / "model.onnx")
        return Model(form="onnx", artifact=store.put(path))


def _from_sklearn(model: Model, schema: Schema, store: Store) -> graphs.Graph:
    from tasks.training.pipelines import load_sklearn

    pipeline = load_sklearn(store.fetch(model.artifact))
    estimator = pipeline.steps[-1][1]
    options = {id(estimator): {"zipmap": False}} if schema.classes else {}
    graph = _converted(list(pipeline.steps), schema, options)
    answers = graph.graph.output[-1].name  # after the label, where there is one
    return graphs.end_in_answers(graph, schema, answers, votes=hasattr(estimator, "estimators_"))


def _from_torch(model: Model, schema: Schema, store: Store) -> graphs.Graph:
    from tasks.training.networks import load
    from tasks.training.pipelines import load_sklearn

    if model.preprocessing is None:
        raise UnsuitableModel("a network without its preprocessing cannot become a graph of raw columns. "
                              "Train it again.")
    before = _converted([("prepare", load_sklearn(store.fetch(model.preprocessing)))], schema, {})
    matrix = before.graph.output[0]
    width = matrix.type.tensor_type.shape.dim[1].dim_value
    network = _traced(load(store.fetch(model.artifact)), width, softmax=bool(schema.classes))
    return graphs.end_in_answers(graphs.join(before, network, matrix.name), schema, LOGITS)


def _converted(steps: list[tuple[str, Any]], schema: Schema, options: dict[Any, Any]) -> graphs.Graph:
    """The graph of fitted pipeline steps, the first of them the preprocessing, from the schema's inputs on."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if schema.input == "image":
        places = {column.name: place for place, column in enumerate(schema.features)}
        steps = [("pixels", _taking(steps[0][1], places)), *steps[1:]]
        whole = _convert(steps, [(MATRIX, FloatTensorType([None, math.prod(schema.shape)]))], options)
        return graphs.flatten_images(whole, schema)
    aliases = {column.name: f"c{place}" for place, column in enumerate(schema.features)}  # others would be rewritten
    types = {"number": FloatTensorType, "category": StringTensorType}
    inputs = [(aliases[column.name], types[column.kind]([None, 1])) for column in schema.features]
    whole = _convert([(steps[0][0], _taking(steps[0][1], aliases)), *steps[1:]], inputs, options)
    return graphs.with_columns(whole, schema)


def _taking(columns: Any, names: Mapping[str, Any]) -> Any:
    """The column transformer, taking other names, or places in a matrix; pixels by name would need an input each."""
    renamed = copy.copy(columns)
    renamed.transformers_ = [(name, step, [names[column] for column in taken])
                             for name, step, taken in columns.transformers_]
    return renamed


def _convert(steps: list[tuple[str, Any]], inputs: list[tuple[str, Any]], options: dict[Any, Any]) -> graphs.Graph:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    exact = {StandardScaler: {"div": "div"}}  # times the inverse is an ulp off, and that is the other side of a split
    try:
        return convert_sklearn(Pipeline(steps), name="farrier", initial_types=inputs, options={**exact, **options},
                               target_opset=graphs.OPSETS)
    except (MissingConverter, MissingShapeCalculator) as problem:
        names = ", ".join(type(step).__name__ for _, step in steps)
        raise OptimizationError(f"a step of {names} has no ONNX operator: {problem}") from problem


def _traced(network: Any, width: int, *, softmax: bool) -> graphs.Graph:
    """The graph of a network from a matrix, float32 [N, width], to its answers."""
    import torch

    whole = torch.nn.Sequential(network, torch.nn.Softmax(dim=1)) if softmax else network
    example = torch.zeros(2, width)
    with _quiet():
        program = torch.onnx.export(whole.eval(), (example,), dynamo=True, verbose=False,
                                    dynamic_shapes=({0: torch.export.Dim("batch")},), input_names=[MATRIX],
                                    output_names=[LOGITS], opset_version=graphs.OPSETS[""])
    if program is None:
        raise OptimizationError(f"the exporter gave no graph for {type(network).__name__}.")
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages that are not installed and of its own old types: nothing a user could act on."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
