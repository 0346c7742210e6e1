"""The data stage's steps: policy here, work elsewhere."""

from __future__ import annotations

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from tasks.caching import step
from tasks.data import collection, preparation
from tasks.data.settings import DataSettings
from tasks.errors import FarrierError
from tasks.records import Artifact, PreparedData
from tasks.store import Store


async def may_get_better(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether a failure's cause lies outside: what we refuse ourselves is not tried again."""
    try:
        await state.aresult(raise_on_failure=True)
    except FarrierError:
        return False
    except OSError:
        return True
    return False


@step(name="collect", retries=2, retry_delay_seconds=[1, 5], retry_condition_fn=may_get_better)
def collect(settings: DataSettings, identity: str | None) -> Artifact:  # noqa: ARG001 the identity is for the cache key
    """Take an immutable snapshot of the source."""
    return collection.collect(settings, Store())


@step(name="prepare")
def prepare(snapshot: Artifact, settings: DataSettings) -> PreparedData:
    """Validate, type and split the snapshot; what fails goes to quarantine with its reason."""
    return preparation.prepare(snapshot, settings, Store())
