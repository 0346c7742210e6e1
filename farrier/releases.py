"""`farrier releases`: what is released where, the history, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from farrier.known import must_be_a_target, must_exist, served
from farrier.screen import console
from tasks.calling import as_called, command
from tasks.errors import DeploymentError, SettingsError

if TYPE_CHECKING:
    from tasks.deployment.releasing import ReleaseEvent
    from tasks.records import Release

DONE, FAILED, NOT_CONFIRMED = 0, 1, 1

releases = App(name="releases", help="What is released where; history and rollback.", help_format="plaintext")


@releases.default
def show(
    project: str | None = None, /, *,
    target: str | None = None,
    history: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List what is served now: of every project, or of one.

    Examples
    --------
      farrier releases
      farrier releases digits --history
      farrier releases rollback digits --target cpu-tiny

    Parameters
    ----------
    project
        One project; all of them when none is named.
    target
        One target.
    history
        List every release and rollback, oldest first.
    json
        Print JSON.

    """
    from tasks.deployment import releasing

    if project:
        must_exist(project)
    must_be_a_target(target, project)
    damaged: list[DeploymentError] = []
    found = releasing.released(project, target, damaged.append)
    for problem in damaged:
        print(as_called(f"farrier: {problem}"), file=sys.stderr)
    if history:
        moves = [(release, event) for release in found for event in releasing.history(release.project, release.target)]
        _show_history(moves, json=json)
    else:
        _show_served(found, project, json=json)
    return FAILED if damaged else DONE


@releases.command
def rollback(
    project: str, /, *,
    target: str | None = None,
    version: int | None = None,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Serve an earlier version again, proven anew. A run does not bring back what was rolled back.

    Asks before it moves anything; where nobody can answer, it says what it would do and exits with 1.

    Examples
    --------
      farrier releases rollback digits --target cpu-tiny
      farrier releases rollback digits --target cpu-tiny --version 3 --yes

    Parameters
    ----------
    project
        The project.
    target
        The target; needed where the project serves several.
    version
        The version to go to; the latest before the one served now when none is named.
    yes
        Move without asking.
    json
        Print the release that is served afterwards as JSON.

    """
    from farrier.trust import trusted
    from tasks.deployment import releasing

    now = served(project, target)
    _must_be_a_version(now, version)
    goal = releasing.way_back(project, now.target, version)
    if not (yes or _agreed(now, goal)):
        return NOT_CONFIRMED
    made = releasing.rollback(project, now.target, goal.version, trusted=trusted(project, ()))
    print(made.model_dump_json(indent=1) if json else
          f"{made.project} for {made.target} serves v{made.version}, {made.candidate}", flush=True)
    _tell_mlflow(project, now.target)
    return DONE


def _must_be_a_version(now: Release, version: int | None) -> None:
    """Raise SettingsError for a version that the target never had, or has no more."""
    from tasks.deployment.shelf import shelf, versions

    known = versions(shelf(now.project, now.target))
    if version is not None and version not in known:
        raise SettingsError(f"{now.project} for {now.target} has no version {version}; there are "
                            f"{', '.join(f'v{one}' for one in known)}.")


def _tell_mlflow(project: str, target: str) -> None:
    """Move the registry's alias along; while MLflow is away, it waits in the outbox."""
    from conf.settings import load
    from tasks.deployment.registry import served_alias
    from tasks.errors import UnknownProject
    from tasks.tracking import Tracking

    try:
        uri = load(project).tracking.uri
    except UnknownProject:  # released once, and its settings are gone
        uri = ""
    except SettingsError as problem:  # the pointer is moved: that its settings are faulty now does not take it back
        print(f"MLflow was not told: {problem}", file=sys.stderr)
        return
    if alias := served_alias(project, target):
        Tracking(uri).post(alias)


def _agreed(now: Release, goal: Release) -> bool:
    plan = (f"{now.project} for {now.target}: from v{now.version} ({now.candidate}) to v{goal.version} "
            f"({goal.candidate}, released {goal.created})")
    if not sys.stdin.isatty():
        print(f"{plan}. Nothing was moved. To move: {command()} releases rollback {now.project} --target {now.target} "
              f"--version {goal.version} --yes", file=sys.stderr)
        return False
    return input(f"{plan}. Move? [y/N] ").strip().lower() in ("y", "yes")


def _show_served(found: Sequence[Release], project: str | None, *, json: bool) -> None:
    from rich import box
    from rich.table import Table

    from tasks.deployment.shelf import since

    if json:
        print("[" + ",\n".join(release.model_dump_json(indent=1) for release in found) + "]")
        return
    if not found:
        print(f"Nothing is released yet. Release something: {command()} run {project or 'digits'}")
        return
    table = Table("project", "target", "version", "candidate", "verdict", "drop at most", "p50, ms", "since",
                  box=box.SIMPLE_HEAD, pad_edge=False)
    for release in found:
        overall = release.verdict.overall
        table.add_row(release.project, release.target, f"v{release.version}", release.candidate,
                      release.verdict.outcome, f"{overall.drop.high:.4f} of {overall.margin:.4f}",
                      f"{release.measurement.latency_p50_ms.value:.4g}", since(release))
    console().print(table)


def _show_history(moves: Sequence[tuple[Release, ReleaseEvent]], *, json: bool) -> None:
    import json as text

    from rich import box
    from rich.table import Table

    if json:
        print(text.dumps([{"project": release.project, "target": release.target, **event.model_dump(mode="json")}
                          for release, event in moves], indent=1))
        return
    table = Table("at", "project", "target", "what", "version", "candidate", "verdict", box=box.SIMPLE_HEAD,
                  pad_edge=False)
    for release, event in moves:
        table.add_row(event.at, release.project, release.target, event.what, f"v{event.version}", event.candidate,
                      event.outcome)
    console().print(table)
