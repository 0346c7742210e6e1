"""`farrier run`: a project's pipeline, watched, and what it came to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from flows.chronicle import Outcome

StageName = Literal["data", "training", "optimization", "deployment"]
DONE, NOTHING_RELEASED = 0, 3


def run(
    project: str, /, *,
    option: Annotated[tuple[str, ...], Parameter(name=("--option", "-o"), negative=())] = (),
    only: StageName | None = None,
    start: Annotated[StageName | None, Parameter(name="--from")] = None,
    profile: str | None = None,
    strict: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run a project's pipeline: data, training, optimization, deployment.

    What an earlier run made of the same data, settings and code is reused. Exit codes: 0 at least one target was
    released, 1 failed, 2 usage, 3 nothing could be released.

    Examples
    --------
      farrier run digits
      farrier run digits -o training.seed=7 -o targets.cpu-tiny.budgets.size_bytes=20000
      farrier run breast-cancer --only training
      farrier run digits --from deployment --strict --json

    Parameters
    ----------
    project
        A file of conf/projects, without .yaml.
    option
        A setting for this run alone, as key=value; may be given again and again.
    only
        Repeat this one stage and stop after it; the stages before it are reused.
    start
        Repeat this stage and all that follow.
    profile
        A file of conf/profiles; local when nothing else is said.
    strict
        Exit with 3 unless every target was released.
    dry_run
        Check the settings, print what would be run, and stop.
    json
        Print the outcome as JSON.

    """
    from conf.settings import load
    from farrier.display import watching
    from farrier.outcome import show, show_plan
    from tasks.errors import SettingsError

    begun = time.monotonic()
    if only and start:
        raise SettingsError(f"choose --only or --from: {only} alone, or {start} and all that follow")
    settings = load(project, option, profile=profile)
    if dry_run:
        return show_plan(settings, json=json)
    from flows.execution import execute

    with watching():
        outcome = execute(settings, only=only, start=start)
    show(outcome, json=json, waited_s=waited_s(begun))
    return exit_code(outcome, strict=strict)


def waited_s(begun: float) -> float:
    """Seconds since this process was started, for Python's own start is waited for too; else those since `begun`."""
    try:
        started = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError):  # no Linux
        return time.monotonic() - begun


def exit_code(outcome: Outcome, *, strict: bool) -> int:
    """0 where a target was released, or every one where that is asked; 3 where not. A run cut short on purpose is 0."""
    if not outcome.deployed:
        return DONE
    released = [each.story.release is not None for each in outcome.deployed]
    return DONE if (all(released) if strict else any(released)) else NOTHING_RELEASED
