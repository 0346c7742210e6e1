"""What stands released: reading the versions of a target, the pointer to the one that is served, and its history.

FARRIER_HOME/releases/PROJECT/TARGET/
    v1/package/…      the package, as it was packed
    v1/release.json   the Release
    current.json      the pointer: what serving reads
    history.jsonl     every move of the pointer, oldest first
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from tasks.errors import DeploymentError
from tasks.records import Outcome, Record, Release
from tasks.store import home

POINTER, HISTORY, RELEASE, PACKAGE = "current.json", "history.jsonl", "release.json", "package"
Move = Literal["released", "rolled back"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VERSION = re.compile(r"v[1-9][0-9]*")


class ReleaseEvent(Record):
    """One move of a target's pointer."""

    at: str
    what: Literal["released", "rolled back", "recovered"]
    version: int
    previous: int | None
    candidate: str
    package: str
    outcome: Outcome


def shelf(project: str, target: str) -> Path:
    """Where a target's versions stand. Raises DeploymentError for names that are no plain words."""
    for name in (project, target):
        if not NAME.fullmatch(name):
            raise DeploymentError(f"{name!r} cannot name a project or target: use letters, digits, '.', '_' and '-'.")
    return home() / "releases" / project / target


def current(project: str, target: str) -> Release | None:
    """The release that a target serves; None where nothing was released yet.

    Raises DeploymentError where the version is not the one that the pointer was moved to.
    """
    pointed = pointer(shelf(project, target))
    if pointed is None:
        return None
    found, moved_to = at_version(project, target, pointed), _pointer(shelf(project, target)).get("sha256")
    if moved_to not in (None, found.package.sha256):
        raise DeploymentError(f"{project} for {target}: the pointer names the package {moved_to}, v{pointed} is "
                              f"{found.package.sha256}. Release again: farrier run {project}")
    return found


def history(project: str, target: str) -> tuple[ReleaseEvent, ...]:
    """Every move of a target's pointer, oldest first. Raises DeploymentError for a line that is none."""
    file = shelf(project, target) / HISTORY
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return tuple(_event(file, number, line) for number, line in enumerate(lines, 1))


def _event(file: Path, number: int, line: str) -> ReleaseEvent:
    try:
        return ReleaseEvent.model_validate_json(line)
    except ValidationError:
        raise DeploymentError(f"{file}, line {number} is no move of a pointer: {line[:40]!r}. Remove the line; what "
                              f"is served and the versions stay.") from None


def since(release: Release) -> str:
    """When the pointer came to this release last; when it was made, where the history does not tell."""
    try:
        events = history(release.project, release.target)
    except DeploymentError:
        events = ()
    return next((event.at for event in reversed(events) if event.version == release.version), release.created)


def at_version(project: str, target: str, version: int) -> Release:
    """One release, its package where it stands now. Raises DeploymentError where it is gone or unreadable."""
    folder = shelf(project, target) / f"v{version}"
    try:
        release = Release.model_validate_json((folder / RELEASE).read_bytes())
    except (OSError, ValidationError):
        have = ", ".join(f"v{v}" for v in versions(shelf(project, target))) or "none"
        raise DeploymentError(f"{project} for {target} has no readable version {version} (there is: {have}). "
                              f"Choose one of these, or release again: farrier run {project}") from None
    if (release.project, release.target, release.version) != (project, target, version):
        raise DeploymentError(f"{folder / RELEASE} is of {release.project} for {release.target}, v{release.version}: "
                              f"it lies in another's place. Release again: farrier run {project}")
    here = release.package.model_copy(update={"uri": (folder / PACKAGE).as_uri()})
    return release.model_copy(update={"package": here})


def released(project: str | None = None, target: str | None = None,
             damaged: Callable[[DeploymentError], object] | None = None) -> tuple[Release, ...]:
    """What is served now, of every project and target or of those named.

    `damaged` is told of each that cannot be read, and the others are given; without it, DeploymentError is raised.
    """
    places = sorted(path.parent for path in (home() / "releases").glob(f"*/*/{POINTER}"))
    found = []
    for place in places:
        if project not in (None, place.parent.name) or target not in (None, place.name):
            continue
        try:
            found.append(current(place.parent.name, place.name))
        except DeploymentError as problem:
            if damaged is None:
                raise
            damaged(problem)
    return tuple(release for release in found if release is not None)


def served(project: str, target: str | None = None) -> Release:
    """What a project serves, on the one target that it has or the one named.

    Raises DeploymentError where nothing is released, or several targets are and none is named.
    """
    found = released(project, target)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(release.target for release in found)
        raise DeploymentError(f"{project} is released for {names}. Choose one: --target {found[0].target}")
    where = f"{project} for {target}" if target else project
    have = sorted({f"{release.project} for {release.target}" for release in released()})
    raise DeploymentError(f"nothing is released of {where} (there is: {', '.join(have) or 'nothing'}). "
                          f"Release it: farrier run {project}")


def versions(place: Path) -> tuple[int, ...]:
    """The numbers of the versions in a target's folder."""
    return tuple(sorted(int(path.name[1:]) for path in place.glob("v*") if VERSION.fullmatch(path.name)))


def pointer(place: Path) -> int | None:
    """The version that a target's pointer names. Raises DeploymentError for a pointer that cannot be read."""
    file = place / POINTER
    if not file.exists():
        return None
    try:
        return int(_pointer(place)["version"])
    except (ValueError, KeyError, TypeError):
        raise DeploymentError(f"{file} cannot be read. Write the version to serve into it, such as "
                              f'{{"version": {max(versions(place), default=1)}}}.') from None


def moved_by(place: Path) -> Move | None:
    """What moved a target's pointer last, as the pointer itself says; None where it does not."""
    what = _pointer(place).get("what")
    return what if what in ("released", "rolled back") else None


def _pointer(place: Path) -> dict[str, Any]:
    """The pointer's content; one written by hand may hold nothing but the version."""
    content: dict[str, Any] = dict(json.loads((place / POINTER).read_bytes()))
    return content


def withdrawn(events: tuple[ReleaseEvent, ...]) -> frozenset[int]:
    """The versions that a rollback took away and that nobody brought back since."""
    away: set[int] = set()
    for event in events:
        away.discard(event.version)
        if event.what == "rolled back" and event.previous is not None and event.previous > event.version:
            away.add(event.previous)
    return frozenset(away)
