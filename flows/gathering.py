"""Running steps: fan out, wait, and trust a reused result only after its artifacts were checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from prefect import Task
from prefect.client.schemas.objects import State

from tasks.store import Store, artifacts_in
from tasks.telling import say

Result = TypeVar("Result")


@dataclass(frozen=True)
class Made(Generic[Result]):
    """A step's result, and whether an earlier run had already made it."""

    result: Result
    reused: bool


def one(step: Task[..., Result], *args: Any, refresh: bool = False) -> Made[Result]:
    """Run one step here and now."""
    return many(step, [args], refresh=refresh)[0]


def many(step: Task[..., Result], calls: Sequence[tuple[Any, ...]], *, refresh: bool = False) -> list[Made[Result]]:
    """Run a step once for each tuple of arguments, as many at a time as the flow's runner allows, in their order.

    The first failure is raised when all have ended. A reused result whose artifacts are gone or changed is made again.
    """
    chosen = step.with_options(refresh_cache=True) if refresh else step
    made = [_read(state) for state in _states(chosen, calls)]
    broken = [number for number, one_made in enumerate(made) if one_made.reused and not _whole(one_made.result)]
    if broken:
        again = many(step, [calls[number] for number in broken], refresh=True)
        for number, renewed in zip(broken, again, strict=True):
            made[number] = renewed
    return made


def _states(step: Task[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[State[Any]]:
    if len(calls) == 1:
        return [cast("State[Any]", step(*calls[0], return_state=True))]
    futures = [step.submit(*args) for args in calls]
    for future in futures:
        future.wait()
    return [future.state for future in futures]


def _read(state: State[Any]) -> Made[Any]:
    result = state.result(raise_on_failure=True)
    return Made(result, reused=state.name == "Cached")


def _whole(result: Any) -> bool:
    store = Store()
    broken = [artifact for artifact in artifacts_in(result) if not store.holds(artifact)]
    for artifact in broken:
        say("corrupted", f"{artifact.uri} does not have its digest any more: it is not used, and rebuilt")
    return not broken
