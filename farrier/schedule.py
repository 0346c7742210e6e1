"""`farrier schedule`: run a project by the clock."""

from __future__ import annotations

import json as json_module
import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tasks.errors import SettingsError

if TYPE_CHECKING:
    from conf.settings import ScheduleSettings, Settings

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def schedule(
    project: str | None = None, /, *, cron: str | None = None, every: str | None = None,
    pause: Annotated[bool, Parameter(negative=())] = False, resume: Annotated[bool, Parameter(negative=())] = False,
    remove: Annotated[bool, Parameter(negative=())] = False, json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List the schedules; or give a project one. A worker (farrier worker) starts the runs when they are due.

    With a project and nothing else, the schedules of its conf file are applied; doing so again changes nothing.

    Examples
    --------
      farrier schedule
      farrier schedule digits
      farrier schedule digits --cron "0 3 * * *"
      farrier schedule digits --every 6h
      farrier schedule digits --pause

    Parameters
    ----------
    project
        A file of conf/projects, without .yaml.
    cron
        When, as five cron fields, in UTC.
    every
        How often, as 30m, 6h or 1d.
    pause
        Hold the project's schedules.
    resume
        Let them go on.
    remove
        Forget them.
    json
        Print the schedules as JSON.

    """
    from conf.settings import load
    from flows.server import prefect_server

    if sum(map(bool, (cron, every, pause, resume, remove))) > 1:
        raise SettingsError("choose one of --cron, --every, --pause, --resume and --remove")
    if not project and any((cron, every, pause, resume, remove)):
        raise SettingsError("say which project: --cron, --every, --pause, --resume and --remove are about one")
    settings = load(project) if project and not (pause or resume or remove) else None
    wanted = _wanted(cron, every)
    with prefect_server():
        from flows import scheduling

        if settings is not None:
            _apply(settings, wanted)
        elif project:
            _change(project, paused=pause, remove=remove)
        found = scheduling.scheduled(project)
    return _show(found, project, json=json)


def _wanted(cron: str | None, every: str | None) -> ScheduleSettings | None:
    from pydantic import ValidationError

    from conf.explain import explain
    from conf.settings import ScheduleSettings

    try:
        if cron:
            return ScheduleSettings(name="cron", cron=cron)
    except ValidationError as invalid:
        raise SettingsError(explain(invalid, [("the command line", {})], ScheduleSettings)) from None
    return ScheduleSettings(name="interval", every_s=seconds(every)) if every else None


def seconds(text: str) -> int:
    """How long an interval is.

    >>> seconds("6h")
    21600
    """
    parts = re.fullmatch(r"(\d+)\s*([smhd])", text.strip())
    if parts is None or int(parts[1]) * UNITS[parts[2]] < 10:
        raise SettingsError(f"--every {text}: write a number and a unit, as 30m, 6h or 1d; ten seconds at least")
    return int(parts[1]) * UNITS[parts[2]]


def _change(project: str, *, paused: bool, remove: bool) -> None:
    """Hold, let go on or forget the schedules of a project; one whose file is gone has them still."""
    from conf.settings import load
    from flows import scheduling
    from tasks.errors import OrchestrationError

    try:
        scheduling.remove(project) if remove else scheduling.pause(project, paused=paused)
    except OrchestrationError:
        load(project)  # a project that there is not is a mistake in the words
        raise


def _apply(settings: Settings, wanted: ScheduleSettings | None) -> None:
    from flows import scheduling

    schedules = (wanted,) if wanted else settings.schedules
    if not schedules:
        raise SettingsError(f"conf/projects/{settings.project}.yaml names no schedules. Add some under `schedules:`, "
                            f"or say one: farrier schedule {settings.project} --every 24h")
    scheduling.deploy(settings, schedules)


def local(moment: str | None) -> str:
    """A moment in the zone of whoever reads it; nothing where there is none."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if moment else ""


def _show(found: list, project: str | None, *, json: bool) -> int:  # type: ignore[type-arg]
    if json:
        print(json_module.dumps([one.model_dump(mode="json") for one in found], indent=1))
        return 0
    from rich import box
    from rich.table import Table

    from farrier.screen import console
    from tasks.calling import command

    out = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("project", "schedule", "when", "next", "state"):
        table.add_column(name)
    for one in found:
        table.add_row(one.project, one.name, one.when, local(one.next), "active" if one.active else "paused")
    out.print(table if found else f"No schedules. Make one: {command()} schedule {project or 'digits'} --every 24h")
    if found:
        out.print(f"A worker starts them when they are due: {command()} worker", highlight=False)
    return 0
