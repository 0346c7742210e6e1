"""A graph is opened as a function of named arrays; what is no graph, or reaches outside its folder, is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from serving.engines.onnxruntime import UnreadableGraph, open_graph


def graph(path: Path, weights: TensorProto) -> Path:
    """y = x + w, twice = y + y."""
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("x", "y", "twice")]
    nodes = [helper.make_node("Add", ["x", "w"], ["y"]), helper.make_node("Add", ["y", "y"], ["twice"])]
    model = helper.make_model(helper.make_graph(nodes, "g", rows[:1], rows[1:], [weights]),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def outside(location: str) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_come_by_name(tmp_path: Path, threads: int) -> None:
    weights = onnx.numpy_helper.from_array(np.array([1, 2], np.float32), "w")
    predict = open_graph(graph(tmp_path / "m.onnx", weights), threads)
    found = predict({"x": np.zeros((3, 2), np.float32)})
    assert list(found) == ["y", "twice"]
    np.testing.assert_array_equal(found["twice"], [[2, 4]] * 3)


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "m.onnx").write_bytes(b"no graph")
    with pytest.raises(UnreadableGraph, match=r"cannot open m.onnx"):
        open_graph(path)
    with pytest.raises(UnreadableGraph):
        open_graph(tmp_path / "absent.onnx")


@pytest.mark.parametrize("where", ["../secret.bin", "{absolute}"])
def test_data_outside_the_folder_is_refused(tmp_path: Path, where: str) -> None:
    (folder := tmp_path / "package").mkdir()
    np.array([1, 2], np.float32).tofile(secret := tmp_path / "secret.bin")
    with pytest.raises(UnreadableGraph, match="External data path"):
        open_graph(graph(folder / "m.onnx", outside(where.format(absolute=secret))))


def test_an_input_that_is_missing_is_never_made_up(tmp_path: Path) -> None:
    predict = open_graph(graph(tmp_path / "m.onnx", onnx.numpy_helper.from_array(np.array([1, 2], np.float32), "w")))
    with pytest.raises(Exception, match="Missing Input: x"):
        predict({})
