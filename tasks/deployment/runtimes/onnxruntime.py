"""ONNX Runtime: runs the fused graph as it is."""

from __future__ import annotations

from typing import ClassVar, Literal

from serving.engines.onnxruntime import UnreadableGraph, open_graph
from tasks.deployment.runtimes._base import Predict, Runtime
from tasks.errors import DeploymentError
from tasks.records import Artifact, Candidate, Form, Schema
from tasks.store import Store


class OnnxRuntime(Runtime):
    """The graph on the CPU, opened by the same function that serves it: what was measured is what serves."""

    kind: Literal["onnxruntime"] = "onnxruntime"
    takes: ClassVar[frozenset[Form]] = frozenset({"onnx"})
    releasable: ClassVar[bool] = True
    tolerance: ClassVar[float] = 1e-4
    package: ClassVar[str | None] = "onnxruntime"

    def build(self, candidate: Candidate, threads: int, schema: Schema, store: Store) -> Artifact:  # noqa: ARG002
        return self.model_of(candidate).artifact

    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:  # noqa: ARG002
        try:
            return open_graph(store.fetch(built), threads)
        except UnreadableGraph as problem:
            raise DeploymentError(str(problem)) from problem
