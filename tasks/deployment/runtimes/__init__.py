"""Every runtime. To add one: write its file, then name its class here."""

from typing import Annotated

from pydantic import Field

from tasks.deployment.runtimes._base import Feeds, Predict, Runtime, answers_of
from tasks.deployment.runtimes.echo import Echo
from tasks.deployment.runtimes.onnxruntime import OnnxRuntime
from tasks.deployment.runtimes.sklearn import Sklearn
from tasks.deployment.runtimes.torch import Torch

RUNTIMES = (OnnxRuntime, Sklearn, Torch, Echo)
NEVER = "a reference, never released: give the target the runtime onnxruntime"
AnyRuntime = Annotated[OnnxRuntime | Sklearn | Torch | Echo, Field(discriminator="kind")]

__all__ = [
    "NEVER", "RUNTIMES", "AnyRuntime", "Echo", "Feeds", "OnnxRuntime", "Predict", "Runtime", "Sklearn", "Torch",
    "answers_of", "releasable",
]


def releasable(kind: str) -> bool:
    """Whether what a runtime of this kind runs can be released."""
    return any(runtime.releasable for runtime in RUNTIMES if runtime.model_fields["kind"].default == kind)
