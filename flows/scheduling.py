"""Deployments, schedules and asked-for runs: what Prefect's server keeps so that a worker starts runs by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Schedule
from prefect.states import Crashed
from pydantic import Field

from conf.settings import ScheduleSettings, Settings
from flows.retraining import retraining
from tasks.errors import OrchestrationError
from tasks.records import Record
from tasks.store import CHECKOUT

POOL = "farrier"
ENTRYPOINT = "flows/retraining.py:retraining"
UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
AT_WORK = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(
    any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])))


class Scheduled(Record):
    """One schedule as the server keeps it."""

    project: str
    name: str
    when: str
    active: bool
    next: str | None = Field(None, description="when it is due, in UTC, ISO 8601; None while it is held")


class Taken(Record):
    """A run that a worker took, as far as it is."""

    id: UUID
    project: str
    reason: str
    state: str
    ended: bool
    seconds: float
    message: str = Field("", description="what the server says of its state")


def client() -> SyncPrefectClient:
    """A client of the server that the environment names."""
    return get_client(sync_client=True)


def deploy(settings: Settings, schedules: Sequence[ScheduleSettings] | None = None) -> UUID:
    """Make a project's deployment what conf says; given schedules replace those that it has. Idempotent.

    Without `schedules`, those that the server keeps stay as they are. Those that are as they were are left alone: an
    interval counts from the moment that it was given.
    """
    ensure_pool()
    standing = _schedules(settings.project)
    same = schedules is None or _alike(standing, schedules)
    wanted = [_kept(one) for one in standing] if same else [_made(one) for one in schedules or ()]
    if not same:
        _forget(settings.project, standing)
    source = cast("Flow[..., Any]", retraining.from_source(source=str(CHECKOUT), entrypoint=ENTRYPOINT))
    with redirect_stdout(StringIO()):  # Prefect tells people of it; ours is the one voice
        return UUID(str(source.deploy(
            name=settings.project, work_pool_name=POOL, parameters={"project": settings.project}, tags=[POOL],
            schedules=wanted, paused=schedules is None and _held(settings.project), build=False, push=False,
            print_next_steps=False, ignore_warnings=True, concurrency_limit=1)))


def clear(worker: str) -> None:
    """Set the runs of workers that are gone to Crashed: the pool, which takes one at a time, counts them for ever.

    Where another worker than `worker` is at work, they may be its own, and stay.
    """
    if any(name != worker for name in _online()):
        return
    with client() as server:
        found = server.read_flow_runs(flow_run_filter=AT_WORK, work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(
            any_=[POOL])))
        while found:
            for run in found:
                server.set_flow_run_state(run.id, Crashed(message="Its worker was killed."), force=True)
            parents = _under([run.id for run in found]).parent_flow_run_id
            found = server.read_flow_runs(flow_run_filter=AT_WORK.model_copy(update={"parent_flow_run_id": parents}))


def request(project: str, options: Sequence[str], reason: str) -> UUID:
    """Ask for a run now; a worker starts it."""
    with client() as server:
        run = server.create_flow_run_from_deployment(
            _found(project).id, parameters={"project": project, "options": list(options), "reason": reason})
    return run.id


def scheduled(project: str | None = None) -> list[Scheduled]:
    """Every schedule that the server keeps, or those of one project."""
    with client() as server:
        deployments = server.read_deployments(
            deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[POOL])))
    return [_described(schedule, deployment) for deployment in deployments if project in (None, deployment.name)
            for schedule in deployment.schedules]


def pause(project: str, *, paused: bool) -> None:
    """Hold a project's schedules, or let them go on."""
    found = _found(project)
    with client() as server:
        (server.pause_deployment if paused else server.resume_deployment)(found.id)


def remove(project: str) -> None:
    """Forget a project's deployment and its schedules; runs that were made stay."""
    found = _found(project)
    with client() as server:
        server.delete_deployment(found.id)


def workers() -> int:
    """How many workers are at work on the pool now."""
    return len(_online())


def state_of(run: UUID) -> Any:
    """The state of a flow run now."""
    with client() as server:
        return server.read_flow_run(run).state


def stages_of(run: UUID) -> list[str]:
    """The stages that an asked-for run has begun, in order: the flows under its pipeline."""
    with client() as server:
        pipelines = server.read_flow_runs(flow_run_filter=_under([run]))
        stages = server.read_flow_runs(flow_run_filter=_under([each.id for each in pipelines])) if pipelines else []
    begun = sorted((stage.start_time, stage.name) for stage in stages if stage.start_time)
    return [name.partition(" ")[0] for _, name in begun]


def taken(since: datetime) -> list[Taken]:
    """The runs of the pool that a worker took, or that ended, since then; none while the server does not answer."""
    with suppress(httpx.HTTPError), client() as server:
        found = server.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(
                any_=[kind for kind in StateType if kind is not StateType.SCHEDULED]))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])))
        return [_taken(run) for run in found if run.state and run.state.timestamp >= since]
    return []


def ensure_pool() -> None:
    """Make the pool that workers take runs from, where it is not there."""
    with client() as server:
        try:
            server.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=1))
        except ObjectAlreadyExists:
            return


def _under(runs: Sequence[UUID]) -> FlowRunFilter:
    return FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=list(runs)))


def _taken(run: FlowRun) -> Taken:
    state = run.state
    return Taken(id=run.id, project=str(run.parameters.get("project", run.name)),
                 reason=str(run.parameters.get("reason", "scheduled")), state=(run.state_name or "unknown").lower(),
                 ended=bool(state and state.is_final()), seconds=run.total_run_time.total_seconds(),
                 message=str((state and state.message) or ""))


def _online() -> list[str]:
    """The names of the workers that the server heard of lately."""
    with client() as server:
        try:
            found = server.request("POST", "/work_pools/{work_pool_name}/workers/filter", json={
                "workers": WorkerFilter().model_dump(mode="json")}, path_params={"work_pool_name": POOL}).json()
        except ObjectNotFound:
            return []
    return [worker["name"] for worker in found if worker["status"] == "ONLINE"]


def _alike(standing: Sequence[DeploymentSchedule], wanted: Sequence[ScheduleSettings]) -> bool:
    """Whether the server keeps just these schedules, none of them paused, wherever their intervals began."""
    def kept(one: DeploymentSchedule) -> tuple[Any, ...]:
        if isinstance(one.schedule, CronSchedule):
            return one.slug, one.schedule.cron, None
        return one.slug, None, getattr(one.schedule, "interval", timedelta()).total_seconds()

    return all(one.active for one in standing) and sorted(map(kept, standing), key=str) == sorted(
        ((one.name, one.cron, None if one.cron else float(one.every_s or 0)) for one in wanted), key=str)


def _schedules(project: str) -> list[DeploymentSchedule]:
    try:
        return list(_found(project).schedules)
    except OrchestrationError:
        return []


def _held(project: str) -> bool:
    """Whether a project's schedules are held; a deployment made again would let them go on."""
    try:
        return bool(_found(project).paused)
    except OrchestrationError:
        return False


def _forget(project: str, standing: Sequence[DeploymentSchedule]) -> None:
    """Take away the schedules that a deployment has: Prefect itself only adds to them, or changes them by slug."""
    with client() as server:
        for schedule in standing:
            server.delete_deployment_schedule(_found(project).id, schedule.id)


def _found(project: str) -> DeploymentResponse:
    with client() as server:
        try:
            return server.read_deployment_by_name(f"retraining/{project}")
        except ObjectNotFound:
            raise OrchestrationError(f"{project} is not known to the server. Make it so: farrier schedule {project} "
                                     f"--every 24h") from None


def _made(schedule: ScheduleSettings) -> Schedule:
    if schedule.cron:
        return Schedule(cron=schedule.cron, timezone="UTC", slug=schedule.name)
    return Schedule(interval=timedelta(seconds=schedule.every_s or 0), slug=schedule.name)


def _kept(schedule: DeploymentSchedule) -> Schedule:
    """A schedule of the server's as one that can be given to it again."""
    same: dict[str, Any] = {"active": schedule.active, "slug": schedule.slug}
    if isinstance(schedule.schedule, CronSchedule):
        return Schedule(cron=schedule.schedule.cron, timezone=schedule.schedule.timezone, **same)
    if isinstance(schedule.schedule, IntervalSchedule):
        same |= {"interval": schedule.schedule.interval, "anchor_date": schedule.schedule.anchor_date}
    return Schedule(**same)


def _described(schedule: DeploymentSchedule, deployment: DeploymentResponse) -> Scheduled:
    active = schedule.active and not deployment.paused
    return Scheduled(project=deployment.name, name=schedule.slug or str(schedule.id)[:8],
                     when=_when(schedule.schedule), active=active, next=due(schedule.schedule) if active else None)


def due(schedule: Any) -> str | None:
    """The next time by a schedule, in UTC; None for one of a kind that is not ours."""
    from prefect.server.schemas import schedules

    if not isinstance(schedule, CronSchedule | IntervalSchedule):
        return None
    kind = schedules.CronSchedule if isinstance(schedule, CronSchedule) else schedules.IntervalSchedule
    following = asyncio.run(kind.model_validate(schedule.model_dump()).get_dates(1))
    return datetime.fromisoformat(following[0].isoformat()).astimezone(UTC).isoformat(timespec="seconds")


def spoken(interval: timedelta) -> str:
    """How often, as one says it.

    >>> spoken(timedelta(hours=6)), spoken(timedelta(days=1)), spoken(timedelta(seconds=90))
    ('every 6 hours', 'every day', 'every 90 seconds')
    """
    seconds = int(interval.total_seconds())
    unit, scale = next((unit, scale) for unit, scale in UNITS.items() if seconds % scale == 0)
    return f"every {unit}" if seconds == scale else f"every {seconds // scale} {unit}s"


def _when(schedule: Any) -> str:
    if isinstance(schedule, CronSchedule):
        return f"cron {schedule.cron} ({schedule.timezone or 'UTC'})"
    return spoken(schedule.interval) if isinstance(schedule, IntervalSchedule) else type(schedule).__name__
