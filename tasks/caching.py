"""What a step is: cached by the content of what goes in and of the code that runs, and heard while it works.

A cached result survives only while the digests of its inputs, its settings, the source of its own stage and of the
stages below it, and the locked versions are what they were when it was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext

from tasks.records import Artifact, Record, digest_of
from tasks.store import CHECKOUT
from tasks.telling import say

Given = ParamSpec("Given")
Result = TypeVar("Result")
STAGES = ("data", "training", "optimization", "deployment", "monitoring")


@cache
def code_digest(stage: str) -> str:
    """The sha256 of every source file that a stage's steps can reach, of the locked versions, and of torch's build."""
    reached = STAGES[: STAGES.index(stage) + 1]
    folders = [CHECKOUT / "tasks" / name for name in reached] + [CHECKOUT / "serving"]
    files = [*(CHECKOUT / "tasks").glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    digest = hashlib.sha256(version("torch").encode())  # the lock leaves it out: its builds differ by machine
    for file in sorted([*files, CHECKOUT / "requirements.lock"]):
        digest.update(file.relative_to(CHECKOUT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def content(value: Any) -> Any:
    """A value as plain JSON in which an artifact is its sha256: where it lies does not matter."""
    if isinstance(value, Artifact):
        return value.sha256
    if isinstance(value, Record):
        return {name: content(item) for name, item in value}
    if isinstance(value, Mapping):
        return {str(key): content(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [content(item) for item in value]
    return value


def by_content(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """The cache key of a task run; parameters named `_` are for people and do not count."""
    counted = {name: content(value) for name, value in parameters.items() if not name.startswith("_")}
    module = context.task.fn.__module__
    return digest_of([context.task.name, counted, code_digest(module.split(".")[1])])


def _announce(event: str, step: str, run: TaskRun, state: State[Any]) -> None:
    say(event, run.name, step=step, reused=state.name == "Cached", seconds=run.total_run_time.total_seconds())


def _on_running(made: Task[..., Any], run: TaskRun, state: State[Any]) -> None:
    _announce("started", made.name, run, state)


def _on_completion(made: Task[..., Any], run: TaskRun, state: State[Any]) -> None:
    _announce("finished", made.name, run, state)


def _on_failure(made: Task[..., Any], run: TaskRun, state: State[Any]) -> None:
    _announce("failed", made.name, run, state)


HEARD: dict[str, Any] = {
    "on_running": [_on_running], "on_completion": [_on_completion], "on_failure": [_on_failure],
}


def step(name: str, **policy: Any) -> Callable[[Callable[Given, Result]], Task[Given, Result]]:
    """Make a function a step: its result is kept and reused by content."""
    return lambda work: Task(work, name=name, cache_key_fn=by_content, persist_result=True, result_serializer="json",
                             **HEARD, **policy)


def unrecorded(name: str, **policy: Any) -> Callable[[Callable[Given, Result]], Task[Given, Result]]:
    """Make a function a step that is done anew each time: it acts on the world outside."""
    return lambda work: Task(work, name=name, cache_policy=NO_CACHE, persist_result=False, **HEARD, **policy)
