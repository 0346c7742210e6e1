"""Releasing: a package becomes a version, and one pointer moves to it; rolling back moves the pointer alone.

Whatever ends a process between two steps, the pointer names a whole and proven version: a version appears by one
rename, the pointer moves by one rename, and the next call clears away or completes what a killed one left.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from serving.package import MANIFEST, PackageError, verify
from serving.signature import read_keys
from tasks.deployment.certification import outcome_of
from tasks.deployment.packaging import as_packed, settle
from tasks.deployment.proving import prove
from tasks.deployment.runtimes import NEVER, releasable
from tasks.deployment.shelf import (
    HISTORY,
    PACKAGE,
    POINTER,
    RELEASE,
    Move,
    ReleaseEvent,
    at_version,
    current,
    history,
    moved_by,
    pointer,
    released,
    served,
    shelf,
    versions,
    withdrawn,
)
from tasks.deployment.signing import trusted_keys
from tasks.errors import DeploymentError
from tasks.records import Artifact, Measurement, Release, Verdict
from tasks.store import Store, path_of, room, whole_or_nothing

__all__ = [
    "ReleaseEvent", "current", "history", "reconcile", "release", "released", "rollback", "served", "way_back",
]
PATIENCE_S = 300
UNFINISHED = ".unfinished-"


def release(package: Artifact, *, verdict: Verdict, measurement: Measurement, store: Store, run: str = "",
            trusted: Sequence[Path] = ()) -> Release:
    """Serve a package: write its version, prove it in a fresh process, move the pointer.

    The package that is served already is not released again. `trusted` names the PEM files of trusted public keys; none
    named means those of this machine. Raises DeploymentError, the pointer unmoved, for a verdict other than pass, a
    package that does not prove itself, and one that was rolled back.
    """
    folder = store.fetch(package)
    facts = json.loads((folder / MANIFEST).read_bytes())
    _refuse_uncertified(facts, verdict, measurement)
    project, target = str(facts["project"]), str(facts["target"])
    keys = trusted_keys(trusted)
    with _alone(project, target):
        reconcile(project, target)
        known = _standing(project, target, package.sha256, keys)
        if known is not None and known == pointer(shelf(project, target)):
            return at_version(project, target, known)
        _refuse_withdrawn(project, target, known)
        if known is None:
            made = Release(project=project, target=target, version=_next(project, target), candidate=verdict.candidate,
                           package=package, verdict=verdict, measurement=measurement, created=_now(), run=run)
            known = _shelve(folder, made, keys)
        return _point(at_version(project, target, known), "released")


def way_back(project: str, target: str, version: int | None = None) -> Release:
    """The release that a rollback would go to: the one asked for, or the latest before the one served now.

    Versions that were rolled back themselves are passed over. Raises DeploymentError where there is none.
    """
    events, now = history(project, target), current(project, target)
    if now is None:
        raise DeploymentError(f"{project} for {target} serves nothing, so there is nothing to roll back. "
                              f"Release first: farrier run {project}")
    served = {event.version for event in events} - withdrawn(events)
    earlier = [v for v in served if v < now.version]
    if version is None and not earlier:
        others = sorted({event.version for event in events} - {now.version})
        way = (f"Name one of {', '.join(f'v{one}' for one in others)}: farrier releases rollback {project} "
               f"--target {target} --version {others[-1]}" if others else "It is the only one.")
        raise DeploymentError(f"{project} for {target} serves v{now.version}, and no earlier version is left to go to. "
                              + way)
    return at_version(project, target, max(earlier) if version is None else version)


def rollback(project: str, target: str, version: int | None = None, *, trusted: Sequence[Path] = ()) -> Release:
    """Serve an earlier release again, proven anew; the one served now is not released again by a run.

    Raises DeploymentError, the pointer unmoved, where there is none to go to or it does not prove itself.
    """
    keys = trusted_keys(trusted)
    with _alone(project, target):
        reconcile(project, target)
        goal = way_back(project, target, version)
        if goal.version == pointer(shelf(project, target)):
            return goal
        prove(path_of(goal.package), keys, goal.package.sha256)
        return _point(goal, "rolled back")


def reconcile(project: str, target: str) -> None:
    """Put right what a killed call left: half-written folders, versions never served, a move not in the history."""
    place = shelf(project, target)
    for leftover in [*place.glob(f"{UNFINISHED}*"), *place.glob(".current-*"), *place.glob(".history-*")]:
        _remove(leftover)
    now, events = pointer(place), history(project, target)
    if now is not None and (not events or events[-1].version != now):
        what = moved_by(place) if events else None
        events = _write_down(at_version(project, target, now), what or "recovered", events)
    highest = max((event.version for event in events), default=0)
    for version in versions(place):
        if version > highest:  # a lower one was served once, though a history that was lost does not tell
            _remove(place / f"v{version}")


def _refuse_uncertified(facts: dict[str, Any], verdict: Verdict, measurement: Measurement) -> None:
    if verdict.outcome != "pass" or verdict.overall.outcome != "pass":
        raise DeploymentError(f"{verdict.candidate} is not released: its verdict is {verdict.outcome} (overall "
                              f"{verdict.overall.outcome}) and only a pass is. More test rows, or a wider margin, may "
                              f"give one.")
    if outcome_of((verdict.overall, *verdict.slices)) != "pass":
        raise DeploymentError(f"{verdict.candidate} is not released: its verdict says pass, and a comparison that must "
                              f"pass does not. Certify again.")
    named = (facts["candidate"], facts["target"])
    if named != (verdict.candidate, measurement.target) or measurement.candidate != verdict.candidate:
        raise DeploymentError(f"the package holds {named[0]} for {named[1]}, the verdict is on {verdict.candidate} and "
                              f"the measurement of {measurement.candidate} on {measurement.target}. Pack again.")
    if facts["verdict"] != as_packed(verdict) or facts["measurement"] != as_packed(measurement):
        raise DeploymentError(f"the package of {named[0]} for {named[1]} says {facts['verdict']['outcome']}, by other "
                              f"numbers than those that it is to be released with. Pack again.")
    if not releasable(str(facts["runtime"]["kind"])):
        raise DeploymentError(f"the package of {named[0]} runs in {facts['runtime']['kind']}, {NEVER}.")


def _refuse_withdrawn(project: str, target: str, version: int | None) -> None:
    if version in withdrawn(history(project, target)):
        raise DeploymentError(f"{project} for {target}: this package is v{version}, which was rolled back, so a run "
                              f"does not serve it again. If it should be: farrier releases rollback {project} "
                              f"--target {target} --version {version}")


def _standing(project: str, target: str, digest: str, keys: Sequence[Path]) -> int | None:
    """The version that holds this very package, whole; None where there is none."""
    for version in reversed(versions(shelf(project, target))):
        with suppress(DeploymentError):  # a version that cannot be read does not stand
            found = at_version(project, target, version)
            if found.package.sha256 == digest and _is_whole(found.package, keys):
                return version
    return None


def _is_whole(package: Artifact, keys: Sequence[Path]) -> bool:
    try:
        return verify(path_of(package), read_keys(keys), package.sha256) is not None
    except PackageError:
        return False


def _next(project: str, target: str) -> int:
    used = [*versions(shelf(project, target)), *(event.version for event in history(project, target))]
    return max(used, default=0) + 1


def _shelve(folder: Path, made: Release, keys: Sequence[Path]) -> int:
    """Copy a package to its version's folder, prove the copy, and give it its name in one step."""
    place = shelf(made.project, made.target)
    with _unfinished(place) as version:
        shutil.copytree(folder, version / PACKAGE)
        prove(version / PACKAGE, keys, made.package.sha256)
        (version / RELEASE).write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
        settle(version / PACKAGE)
        settle(version)
        version.rename(place / f"v{made.version}")
    return made.version


def _point(goal: Release, what: Move) -> Release:
    """Move the pointer, then write the history; the pointer says why it moved, should this end between the two."""
    place, before = shelf(goal.project, goal.target), history(goal.project, goal.target)
    _settled(place / POINTER, json.dumps({"version": goal.version, "package": f"v{goal.version}/{PACKAGE}",
                                          "sha256": goal.package.sha256, "what": what}) + "\n")
    _write_down(goal, what, before)
    return goal


def _write_down(goal: Release, what: Move | Literal["recovered"],
                before: tuple[ReleaseEvent, ...]) -> tuple[ReleaseEvent, ...]:
    event = ReleaseEvent(at=_now(), what=what, version=goal.version, previous=before[-1].version if before else None,
                         candidate=goal.candidate, package=goal.package.sha256, outcome=goal.verdict.outcome)
    events = (*before, event)
    _settled(shelf(goal.project, goal.target) / HISTORY, "".join(e.model_dump_json() + "\n" for e in events))
    return events


def _settled(file: Path, content: str) -> None:
    """Replace a small file by one rename, and wait until the rename is on the disk."""
    with whole_or_nothing(file) as partial:
        partial.write_text(content, encoding="utf-8")
        partial.chmod(0o644)
    handle = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _unfinished(place: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=place, prefix=UNFINISHED))
    folder.chmod(0o755)
    try:
        with room(place):
            yield folder
    finally:
        _remove(folder)


@contextmanager
def _alone(project: str, target: str) -> Iterator[None]:
    """One release of a project at a time, in whatever process."""
    place = shelf(project, target)
    place.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.parent / ".lock", timeout=PATIENCE_S):
            yield
    except Timeout:
        raise DeploymentError(f"another process has been releasing {project} for over {PATIENCE_S} s. "
                              f"Wait for it, or end it, and run again.") from None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
