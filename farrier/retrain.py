"""`farrier retrain`: ask a worker for a run now."""

from __future__ import annotations

import json as json_module
import sys
import time
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from farrier.following import Steps

ASK_AGAIN_S = 10


def retrain(
    project: str, /, *, option: Annotated[tuple[str, ...], Parameter(name=("--option", "-o"), negative=())] = (),
    reason: str = "asked", wait: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Ask for a run of a project now; a worker executes it (farrier worker).

    Examples
    --------
      farrier retrain digits
      farrier retrain digits --wait --reason "new rows"
      farrier retrain digits -o training.seed=7 --json

    Parameters
    ----------
    project
        A file of conf/projects, without .yaml.
    option
        A setting for this run alone, as key=value.
    reason
        Why; it stands with the run.
    wait
        Wait until the run ended, and say what it is at; exit with 1 unless it completed.
    json
        Print the flow run's id and state as JSON.

    """
    from conf.settings import load
    from flows.server import prefect_server

    settings = load(project, option)
    with prefect_server():
        from flows import scheduling

        scheduling.deploy(settings)
        run = scheduling.request(project, option, reason)
        helpers = scheduling.workers()
        told = _said_where_nobody_works(helpers)
        state = _awaited(run, told=told) if wait else "Scheduled"
    if json:
        print(json_module.dumps({"flow_run": str(run), "state": state, "workers": helpers}))
    else:
        print(f"asked for a run of {project}: {run} is {state.lower()}")
    return 0 if state in ("Scheduled", "Completed") else 1


def _said_where_nobody_works(helpers: int) -> bool:
    from tasks.calling import command

    if not helpers:
        print(f"no worker is at work; the run waits for one: {command()} worker", file=sys.stderr, flush=True)
    return not helpers


def _awaited(run: UUID, *, told: bool) -> str:
    """Wait for the end of a run; the server notices only after a while that a worker is gone, so it is asked again."""
    from flows.scheduling import stages_of, state_of, workers

    begun = asked = time.monotonic()
    steps = Steps()
    while not (state := state_of(run)).is_final():
        _tell(steps, begun, state.name, stages_of(run) if state.is_running() else ())
        time.sleep(1)
        if not told and state.is_scheduled() and time.monotonic() - asked > ASK_AGAIN_S:
            asked, told = time.monotonic(), _said_where_nobody_works(workers())
    _tell(steps, begun, state.name, ())
    return str(state.name)


def _tell(steps: Steps, begun: float, state: str, stages: Sequence[str]) -> None:
    for line in steps.lines(time.monotonic() - begun, state.lower(), stages):
        print(line, file=sys.stderr, flush=True)
