"""Surgery on ONNX graphs: join two, end one in the answers that serving gives, strip what does not answer."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from tasks.errors import OptimizationError
from tasks.records import OUTPUTS, Schema

OPSETS = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 10
ANSWERS, FLAT = "farrier:answers", "farrier:pixels"  # no column is called so
Graph = Any  # onnx.ModelProto: protobuf classes are made at run time and have no types


def load(path: Path) -> Graph:
    """The graph in a file."""
    import onnx

    return onnx.load(path)


def save(graph: Graph, path: Path) -> None:
    """Check a graph and write it: equal graphs give equal bytes."""
    import onnx

    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def make(nodes: Iterable[Any], inputs: Iterable[Any], outputs: Iterable[Any], constants: Iterable[Any] = ()) -> Graph:
    """A model of these nodes under the versions that all our graphs share, with nothing else in it."""
    from onnx import helper

    graph = helper.make_graph(list(nodes), "farrier", list(inputs), list(outputs), list(constants))
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="")


def join(first: Graph, second: Graph, output: str) -> Graph:
    """`second` after `first`, whose `output` becomes the one input of the second.

    Converters name the oldest operator set that their nodes need; each node is valid in the set that was asked for.
    """
    head, tail = first.graph, second.graph
    left = _numbered(head, "<first>", {value.name for value in head.input})
    right = _numbered(tail, "<second>", {value.name for value in tail.output}, {value.name for value in head.input})
    right[tail.input[0].name] = left[output]
    nodes = [_with_names(n, left) for n in head.node] + [_with_names(n, right) for n in tail.node]
    constants = [_named(c, left) for c in head.initializer] + [_named(c, right) for c in tail.initializer]
    return make(nodes, head.input, tail.output, constants)


def with_columns(graph: Graph, schema: Schema) -> Graph:
    """A graph of one input for each column, in the schema's order, with those inputs called as the columns are.

    A converter takes identifiers only, and a column may be called anything: also as something inside the graph.
    """
    parts, columns = graph.graph, inputs(schema)
    called = {value.name: column.name for value, column in zip(parts.input, columns, strict=True)}
    names = _numbered(parts, "<own>", called, set(called.values())) | called
    outputs = [_named(value, names) for value in parts.output]
    return make([_with_names(n, names) for n in parts.node], columns, outputs,
                [_named(constant, names) for constant in parts.initializer])


def flatten_images(graph: Graph, schema: Schema) -> Graph:
    """The graph of a matrix of pixels, given whole images: `image`, float32 [N, H, W]."""
    import numpy as np
    from onnx import helper, numpy_helper

    size = math.prod(schema.shape)
    shape = numpy_helper.from_array(np.array([-1, size]), "shape")
    node = helper.make_node("Reshape", ["image", "shape"], [FLAT])
    return join(make([node], inputs(schema), [_floats(FLAT, ["N", size])], [shape]), graph, FLAT)


def inputs(schema: Schema) -> list[Any]:
    """The graph's inputs: a column each, [N, 1] (numbers float32, categories text), or `image`, float32 [N, H, W].

    Raises OptimizationError for a column that is called as one of the outputs.
    """
    from onnx import TensorProto, helper

    if taken := [column.name for column in schema.features if column.name in OUTPUTS]:
        raise OptimizationError(f"column {taken[0]!r} has the name of an output of the graph. Rename it in the data.")
    if schema.input == "image":
        return [_floats("image", ["N", *schema.shape])]
    kinds = {"number": TensorProto.FLOAT, "category": TensorProto.STRING}
    return [helper.make_tensor_value_info(c.name, kinds[c.kind], ["N", 1]) for c in schema.features]


def end_in_answers(graph: Graph, schema: Schema, output: str, *, votes: bool = False) -> Graph:
    """Give a graph its common head: `label` and `probabilities`, or `prediction`.

    `output` names the tensor that holds the probabilities [N, K], or the predictions [N] or [N, 1]. votes: they are
    means of many trees' votes, which tie; rounded, a tie stays one whatever the order in which threads add them up.
    """
    head = _regression_head() if schema.task == "regression" else _classification_head(schema.classes, votes=votes)
    selected = make(graph.graph.node, inputs(schema), [_floats(output, ["N", "M"])], graph.graph.initializer)
    return bare(join(selected, head, output))


def _floats(name: str, shape: list[str | int]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _regression_head() -> Graph:
    import numpy as np
    from onnx import helper, numpy_helper

    flat = numpy_helper.from_array(np.array([-1]), "flat")
    node = helper.make_node("Reshape", [ANSWERS, "flat"], ["prediction"])
    return make([node], [_floats(ANSWERS, ["N", "M"])], [_floats("prediction", ["N"])], [flat])


def _classification_head(classes: tuple[str, ...], *, votes: bool) -> Graph:
    from onnx import TensorProto, helper

    shares, constants = _rounding() if votes else ([helper.make_node("Identity", [ANSWERS], ["probabilities"])], [])
    best = helper.make_node("ArgMax", ["probabilities"], ["best"], axis=1, keepdims=0)
    name = helper.make_node("LabelEncoder", ["best"], ["label"], domain="ai.onnx.ml",
                            keys_int64s=list(range(len(classes))), values_strings=list(classes))
    outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
               _floats("probabilities", ["N", len(classes)])]
    return make([*shares, best, name], [_floats(ANSWERS, ["N", "M"])], outputs, constants)


def _rounding() -> tuple[list[Any], list[Any]]:
    """The answers to the nearest 2^-20: far above the last bits of a sum in 32 bits, far below what anybody reads."""
    import numpy as np
    from onnx import helper, numpy_helper

    steps = [numpy_helper.from_array(np.float32(2.0**power), name) for power, name in ((20, "many"), (-20, "step"))]
    nodes = [helper.make_node("Mul", [ANSWERS, "many"], ["scaled"]), helper.make_node("Round", ["scaled"], ["whole"]),
             helper.make_node("Mul", ["whole", "step"], ["probabilities"])]
    return nodes, steps


def bare(graph: Graph) -> Graph:
    """The graph with only what leads to its outputs, under short names: smaller, and the same bytes each time."""
    parts = graph.graph
    kept = {value.name for value in (*parts.input, *parts.output)}
    nodes = _unbroken(_alive(parts), kept)
    used = {name for node in nodes for name in node.input}
    constants = [constant for constant in parts.initializer if constant.name in used]
    alive = make(nodes, parts.input, parts.output, constants)
    names = _numbered(alive.graph, "", kept)
    named = [_with_names(node, names, name=f"n{place}") for place, node in enumerate(nodes)]
    return make(named, parts.input, parts.output, [_named(constant, names) for constant in constants])


def _alive(graph: Any) -> list[Any]:
    """The nodes that the outputs depend on. Raises OptimizationError for control flow."""
    wanted = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise OptimizationError(f"operator {node.op_type} holds a graph of its own, which export does not handle. "
                                    f"Use a model without control flow.")
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _unbroken(nodes: list[Any], kept: set[str]) -> list[Any]:
    """The nodes without those that only pass a tensor on."""
    origin: dict[str, str] = {}
    working = []
    for node in nodes:
        copy = _with_names(node, origin)
        if copy.op_type == "Identity" and copy.output[0] not in kept:
            origin[copy.output[0]] = copy.input[0]
        else:
            working.append(copy)
    return working


def _numbered(graph: Any, prefix: str, kept: Collection[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A new name for each tensor but those that keep theirs; no new name is one of the kept, or of the taken."""
    inner = [c.name for c in graph.initializer] + [name for node in graph.node for name in node.output]
    free = (name for number in count() if (name := f"{prefix}{number}") not in kept and name not in taken)
    return {name: next(free) for name in dict.fromkeys(inner) if name and name not in kept}


def _with_names(node: Any, names: Mapping[str, str], name: str = "") -> Any:
    """A copy of a node under other names, without its metadata (exporters leave stack traces there)."""
    from onnx import NodeProto

    copy = NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("metadata_props")
    copy.ClearField("doc_string")
    copy.name = name
    copy.input[:] = [names.get(n, n) for n in node.input]
    copy.output[:] = [names.get(n, n) for n in node.output]
    return copy


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """A copy of a constant, or of what an output is, under another name."""
    copy = type(value)()
    copy.CopyFrom(value)
    copy.name = names.get(value.name, value.name)
    copy.ClearField("doc_string")
    copy.ClearField("metadata_props")
    return copy
