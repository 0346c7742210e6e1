"""What exists here: a word that names nothing is a mistake in the words (exit 2), and not a failure to do it (1)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import SettingsError

if TYPE_CHECKING:
    from tasks.records import Release


def must_exist(project: str) -> None:
    """Raise UnknownProject for a project that has neither settings, nor a release, nor a run."""
    from conf.settings import projects, unknown
    from tasks.store import home

    folders = [*(home() / "releases").glob("*/"), *(home() / "state" / "runs").glob("*/")]
    known = sorted({*projects(), *(folder.name for folder in folders)})
    if project not in known:
        raise unknown(project, known)


def must_be_a_target(target: str | None, project: str | None = None) -> None:
    """Raise SettingsError for a target that neither conf/targets nor a release (of the project) names."""
    from conf.settings import target_names

    known = sorted({*target_names(), *_served_for(project or "*")})
    if target is not None and target not in known:
        raise SettingsError(f"there is no target {target!r}; there are {', '.join(known)}.{nearest(target, known)}")


def served(project: str, target: str | None) -> Release:
    """What a project serves, on the one target that it has or the one named.

    Raises SettingsError for words that name nothing, or not enough; DeploymentError where nothing is released.
    """
    from tasks.deployment import releasing

    must_exist(project)
    must_be_a_target(target, project)
    if target is None and len(names := _served_for(project)) > 1:
        raise SettingsError(f"{project} is released for {', '.join(names)}. Choose one: --target {names[0]}")
    return releasing.served(project, target)


def must_be_a_file(path: Path, what: str) -> None:
    """Raise SettingsError for a file that a person named and that is not there. `what`: which file to name instead."""
    if not path.is_file():
        raise SettingsError(f"{path} {'is a folder' if path.is_dir() else 'is not there'}. {what}")


def nearest(word: str, known: Iterable[str]) -> str:
    """What was meant, where something is close.

    >>> nearest("cpu-tinny", ["cpu-tiny", "cpu-server"]), nearest("gpu", [])
    (' Did you mean cpu-tiny?', '')
    """
    near = difflib.get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""


def _served_for(project: str) -> list[str]:
    """The targets whose pointers stand; none of them is opened, for one that is damaged does not hinder the others."""
    from tasks.deployment.shelf import POINTER
    from tasks.store import home

    return sorted({pointer.parent.name for pointer in (home() / "releases").glob(f"{project}/*/{POINTER}")})
