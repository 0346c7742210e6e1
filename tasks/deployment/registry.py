"""What MLflow's registry should say of what is served: the alias of a target stands for the package that it serves."""

from __future__ import annotations

from tasks.deployment.shelf import current
from tasks.entries import Alias
from tasks.errors import DeploymentError


def served_alias(project: str, target: str) -> Alias | None:
    """The alias of a target as it should be; None where nothing is served, or what is cannot be read."""
    try:
        now = current(project, target)
    except DeploymentError:  # a release says what to do about it
        return None
    if now is None:
        return None
    return Alias(model=project, alias=f"champion-{target}", package=now.package.sha256, release=now.version)
