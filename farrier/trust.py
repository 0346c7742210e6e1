"""Which packages a command believes, and what "PACKAGE or PROJECT" means."""

from __future__ import annotations

from pathlib import Path

from farrier.known import must_be_a_file, must_exist, served
from tasks.errors import SettingsError


def trusted(project: str | None, named: tuple[Path, ...]) -> tuple[Path, ...]:
    """The public keys that a package must be signed with: those named, those of the project's settings, or our own."""
    from tasks.deployment.signing import trusted_keys

    for key in named:
        must_be_a_file(key, "Give --key the PEM file of a public key, as FARRIER_HOME/keys/trusted of the machine that "
                            "packs holds it.")
    if named or not project:
        return trusted_keys(named)
    configured, own = _configured(project)
    return trusted_keys(configured, own=own)


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


def _configured(project: str) -> tuple[tuple[Path, ...], bool]:
    """The keys that a project's settings name, and whether our own count where there are none."""
    from conf.settings import load
    from tasks.errors import UnknownProject

    try:
        deployment = load(project).deployment
    except UnknownProject:  # released once, and its settings are gone: this machine's own keys are left
        return (), True
    return deployment.trusted_keys, deployment.trust_own_key
