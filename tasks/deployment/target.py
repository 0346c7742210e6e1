"""A place where a model is to run: its runtime and threads, how it is asked, and what it can afford."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.deployment.hardware import cores
from tasks.deployment.runtimes import AnyRuntime
from tasks.errors import MissingExtra
from tasks.records import Budgets, Evidence, Record


class Target(Record):
    """One target: a file of conf/targets."""

    name: str = Field(min_length=1)
    description: str = ""
    runtime: AnyRuntime
    threads: Annotated[int, Field(ge=1)] | Literal["all"] = Field("all", description="'all': each core that we may use")
    scenario: Literal["single-stream", "offline"] = Field("single-stream", description="the one its users have")
    budgets: Budgets = Budgets()
    accepts: tuple[Evidence, ...] = Field(("measured",), description="the evidence that can meet a budget")


def require(target: Target) -> None:
    """Raise MissingExtra, with the command to run, where the target's runtime is not installed."""
    if command := target.runtime.available():
        raise MissingExtra(f"target {target.name!r} needs {target.runtime.package}, which is not installed. "
                           f"Run: {command}")


def threads_of(target: Target) -> int:
    """How many threads the target's runtime gets on this machine."""
    return cores() if target.threads == "all" else target.threads
