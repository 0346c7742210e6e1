"""Eight bits instead of thirty-two."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from serving.inputs import feeds
from tasks.data import preparation
from tasks.errors import OptimizationError, UnsuitableModel
from tasks.optimization import graphs
from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Model, PreparedData
from tasks.store import Store

WEIGHTED = ("Conv", "Gemm", "MatMul")
BETWEEN = ("MaxPool",)  # moves 8-bit values as they are; in floats it would part a convolution from its rounding


class Quantize(Technique):
    """Store a network's weights as int8, and compute in 8 bits (activations uint8: U8S8).

    Only convolutions and matrix products: preprocessing and answers stay in floats. Static: the ranges of activations
    come from train rows (Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, 2018), as QuantizeLinear and DequantizeLinear pairs that the runtime fuses;
    dynamic: from each batch as it comes.
    """

    accepts: ClassVar[frozenset[Form]] = frozenset({"onnx"})
    families: ClassVar[frozenset[str]] = frozenset({"mlp", "cnn"})
    kind: Literal["quantize"] = "quantize"
    method: Literal["static", "dynamic"] = "static"
    per_channel: bool = Field(True, description="a scale for each output channel, not one for the whole tensor")
    calibration: Literal["minmax", "entropy", "percentile"] = Field(
        "minmax", description="how an activation's range is read from train rows; static only")
    rows: int = Field(256, ge=1, description="train rows that calibrate; static only")
    reduce_range: bool = Field(False, description="7 bits for weights: for CPUs with AVX2 and no VNNI, whose products "
                                                  "of 8 bits saturate")

    def apply(self, model: Model, data: PreparedData, store: Store, *, seed: int) -> Model:  # noqa: ARG002
        graph = graphs.load(store.fetch(model.artifact))
        with store.scratch() as folder, _quiet():
            quantized = folder / "quantized.onnx"
            if self.method == "static":
                self._static(_typed(graph), quantized, data, store)
            else:
                self._dynamic(_typed(graph), quantized)
            smaller = graphs.bare(graphs.load(quantized))
            graphs.save(smaller, path := folder / "model.onnx")
            made = Model(form="onnx", artifact=store.put(path))
        _must_shrink(model, made, smaller)
        return made

    def _static(self, graph: graphs.Graph, path: Path, data: PreparedData, store: Store) -> None:
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        ways = {"minmax": CalibrationMethod.MinMax, "entropy": CalibrationMethod.Entropy,
                "percentile": CalibrationMethod.Percentile}
        quantize_static(graph, path, _Rows(_calibration_feeds(data, store, self.rows)),
                        quant_format=QuantFormat.QDQ, op_types_to_quantize=[*WEIGHTED, *BETWEEN],
                        per_channel=self.per_channel, reduce_range=self.reduce_range,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        calibrate_method=ways[self.calibration],
                        extra_options={"OpTypesToExcludeOutputQuantization": list(WEIGHTED)})

    def _dynamic(self, graph: graphs.Graph, path: Path) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(graph, path, op_types_to_quantize=list(WEIGHTED), per_channel=self.per_channel,
                         reduce_range=self.reduce_range, weight_type=QuantType.QInt8)


class _Rows:
    """The calibration rows, one at a time, as ONNX Runtime asks for them."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        count = len(next(iter(arrays.values())))
        self._left = iter([{name: array[row:row + 1] for name, array in arrays.items()} for row in range(count)])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._left, None)


def _calibration_feeds(data: PreparedData, store: Store, rows: int) -> dict[str, NDArray[Any]]:
    """Train rows, evenly spaced, as the graph takes them."""
    schema = data.data_schema
    frame = preparation.load(data.train, store)
    frame = preparation.typed(frame.iloc[np.unique(np.linspace(0, len(frame) - 1, rows).astype(int))], schema)
    return feeds(schema.model_dump(mode="json"), {c.name: frame[c.name].to_numpy() for c in schema.features})


def _typed(graph: graphs.Graph) -> graphs.Graph:
    """The graph with the type of what its convolutions and products read: the quantizer skips what it cannot type.

    Shape inference stops at the operators of preprocessing. Raises UnsuitableModel where no weight could be smaller.
    """
    from onnx import TensorProto, helper

    reads = {node.input[0] for node in graph.graph.node if node.op_type in WEIGHTED}
    if not reads:
        raise UnsuitableModel("quantize takes the graph of a network, and this one has no convolution and no matrix "
                              "product. Start the recipe from a network, or distill into one first.")
    graph.graph.value_info.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                                  for name in sorted(reads))
    return graph


def _must_shrink(before: Model, after: Model, graph: graphs.Graph) -> None:
    from onnx import TensorProto

    if not any(constant.data_type == TensorProto.INT8 for constant in graph.graph.initializer):
        raise OptimizationError("quantize left every weight in floats. Take the other method: static or dynamic.")
    if after.size_bytes >= before.size_bytes:
        raise OptimizationError(f"quantize made {after.size_bytes} bytes of {before.size_bytes}: so small a network is "
                                f"not worth 8 bits. Leave quantize out of this recipe.")


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer advises, through the root logger, a preparation that these graphs have already had."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
