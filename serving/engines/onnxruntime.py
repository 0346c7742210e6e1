"""ONNX Runtime on the CPU: the one way a graph is opened, when it is measured and when it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Predict = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]


class UnreadableGraph(ValueError):
    """The file is no graph that ONNX Runtime can run, or it reaches for data outside its own folder."""


def open_graph(path: Path, threads: int = 1) -> Predict:
    """A graph as a function from feeds to its outputs by name, on this many threads.

    Threads don't spin while they wait: that would take a third more CPU time a batch on two threads and starve the
    neighbors, to save 6 µs a row. The library itself refuses external data outside the model's folder, so the model
    is opened by its path: from bytes it would search the working directory instead.
    Raises UnreadableGraph.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as library

    refusals = (library.Fail, library.InvalidGraph, library.InvalidProtobuf, library.InvalidArgument,
                library.NoSuchFile, library.NotImplemented, library.RuntimeException)
    try:
        session = onnxruntime.InferenceSession(path, _options(threads), providers=["CPUExecutionProvider"])
    except refusals as problem:
        raise UnreadableGraph(f"ONNX Runtime {onnxruntime.__version__} cannot open {path.name}: {problem}") from None
    names = [output.name for output in session.get_outputs()]
    # the library's own `run` lists all inputs again on each call, a sixth of a row's time; its core checks them too
    ask = session._sess.run  # noqa: SLF001

    def predict(feeds: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        return dict(zip(names, ask(names, feeds, None), strict=True))

    return predict


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
