"""Which packages a command believes, and what "PACKAGE or PROJECT" means."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from farrier.known import must_be_a_file, must_exist, served
from tasks.errors import SettingsError

if TYPE_CHECKING:
    from tasks.deployment.settings import DeploymentSettings


def trusted(project: str | None, named: tuple[Path, ...]) -> tuple[Path, ...]:
    """The public keys that a package must be signed with: those named, or those of the project's or profile's settings.

    Where these name none, our own count, if the settings let them.
    """
    from tasks.deployment.signing import trusted_keys

    for key in named:
        must_be_a_file(key, "Give --key the PEM file of a public key, as FARRIER_HOME/keys/trusted of the machine that "
                            "packs holds it.")
    if named:
        return trusted_keys(named)
    settings = _configured(project)
    return trusted_keys(settings.trusted_keys, own=settings.trust_own_key)


def packages(subject: str, target: str | None) -> tuple[dict[Path, str | None], str | None]:
    """The folders that a subject means, and the project where it is one: a package's folder, or what a project serves.

    Beside each folder the digest that it must have: a folder that was named may hold any package.

    Raises SettingsError for words that name nothing; DeploymentError for a project that serves nothing.
    """
    from serving.package import MANIFEST
    from tasks.deployment.releasing import released
    from tasks.store import path_of

    if (Path(subject) / MANIFEST).is_file() or "/" in subject:
        if not Path(subject).is_dir():
            raise SettingsError(f"{subject} is no folder; name a project, or the folder of a package, such as "
                                f"releases/PROJECT/TARGET/v1/package.")
        return {Path(subject): None}, None
    must_exist(subject)
    found = released(subject) if target is None else ()
    return {path_of(r.package): r.package.sha256 for r in found or [served(subject, target)]}, subject


def _configured(project: str | None) -> DeploymentSettings:
    """What a project's settings say of trust; the profile's, where there is no project or only releases are left."""
    from conf.settings import load, trust
    from tasks.errors import UnknownProject

    with suppress(UnknownProject):
        if project:
            return load(project).deployment
    return trust()
