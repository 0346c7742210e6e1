from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from serving.engines.onnxruntime import open_graph
from tasks.errors import OptimizationError
from tasks.optimization import graphs
from tasks.records import Column, Schema


def schema(*names: str, classes: tuple[str, ...] = ("no", "yes")) -> Schema:
    columns = tuple(Column(name=name, kind="number", dtype="float") for name in names)
    return Schema(columns=columns, target=Column(name="target", kind="category", dtype="string", categories=classes),
                  task="binary")


def scores(name: str, *, dead: bool = False) -> graphs.Graph:
    """One column and a constant, side by side, under names and metadata that should not survive."""
    nodes = [helper.make_node("Identity", [name], ["same"]),
             helper.make_node("Add", ["same", "half"], ["summed"], name="named", doc_string="made at /home/somebody"),
             helper.make_node("Concat", ["same", "summed"], ["probabilities"], axis=1)]
    if dead:
        nodes.append(helper.make_node("Mul", ["same", "unused"], ["nowhere"]))
    constants = [numpy_helper.from_array(np.float32([0.5]), "half"), numpy_helper.from_array(np.float32([2]), "unused")]
    number = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1])
    made = graphs.make(nodes, [number], [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
                       constants)
    made.metadata_props.add(key="made", value="today")
    return made


@pytest.mark.parametrize("name", ["age", "0", "n0", "<first>0", "best", "farrier:answers2"])
def test_a_head_gives_labels_whatever_the_columns_are_called(name: str, tmp_path: Path) -> None:
    graphs.save(graphs.end_in_answers(scores(name), schema(name), "probabilities"), path := tmp_path / "g.onnx")
    found = open_graph(path)({name: np.float32([[-1.0], [3.0]])})
    assert found["label"].tolist() == ["yes", "yes"]
    assert found["probabilities"].tolist() == [[-1.0, -0.5], [3.0, 3.5]]


@pytest.mark.parametrize("names", [("same", "summed"), ("c1", "c0"), ("half", "0"), ("<own>0", "a b")])
def test_inputs_may_take_any_names(names: tuple[str, str], tmp_path: Path) -> None:
    """Also those of what is inside the graph; the answers stay what they were."""
    before = scores("c0")
    before.graph.input.append(helper.make_tensor_value_info("c1", TensorProto.FLOAT, ["N", 1]))
    wanted = schema(*names)
    renamed = graphs.with_columns(before, wanted)
    graphs.save(graphs.end_in_answers(renamed, wanted, renamed.graph.output[-1].name), path := tmp_path / "g.onnx")
    found = open_graph(path)({column.name: np.float32([[3.0 * place]]) for place, column in enumerate(wanted.columns)})
    assert found["probabilities"].tolist() == [[0.0, 0.5]]


def test_only_what_answers_is_left() -> None:
    bare = graphs.end_in_answers(scores("age", dead=True), schema("age"), "probabilities")
    assert [node.op_type for node in bare.graph.node] == ["Add", "Concat", "Identity", "ArgMax", "LabelEncoder"]
    assert len(bare.graph.initializer) == 1
    assert b"somebody" not in bare.SerializeToString()
    assert not bare.metadata_props


def test_names_depend_on_places_only() -> None:
    cluttered, clean = graphs.bare(scores("age", dead=True)), graphs.bare(scores("age"))
    assert cluttered.SerializeToString(deterministic=True) == clean.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", ["label", "probabilities", "prediction"])
def test_a_column_called_as_an_output_is_refused(name: str) -> None:
    with pytest.raises(OptimizationError, match=f"'{name}'.*Rename"):
        graphs.inputs(schema("age", name))


def test_control_flow_is_refused() -> None:
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "branch", [],
                               [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    number = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])
    graph = graphs.make([helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch)], [number],
                        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 1])])
    with pytest.raises(OptimizationError, match="If holds a graph"):
        graphs.bare(graph)


def test_a_graph_that_is_none_is_not_saved(tmp_path: Path) -> None:
    graph = scores("age")
    graph.graph.node[1].op_type = "NoSuchOperator"
    with pytest.raises(onnx.checker.ValidationError, match="NoSuchOperator"):
        graphs.save(graph, tmp_path / "g.onnx")
    assert not (tmp_path / "g.onnx").exists()
