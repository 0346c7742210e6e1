"""Settings: YAML layers, the command line and the environment, merged and checked before any work starts.

Precedence: environment (FARRIER__TRAINING__SEED=7) > command line (-o training.seed=7) > project > profile > stages.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from pydantic import Field, ValidationError, field_validator, model_validator

from conf.explain import explain
from conf.layers import Layer, Tree, from_environment, from_option, merge, read_yaml, shown
from tasks.data.settings import DataSettings
from tasks.deployment.settings import DeploymentSettings
from tasks.deployment.target import Target
from tasks.errors import SettingsError, UnknownProject
from tasks.monitoring.settings import MonitoringSettings
from tasks.optimization.settings import OptimizationSettings
from tasks.records import Address, Record
from tasks.store import CHECKOUT, finished
from tasks.training.settings import TrainingSettings

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

CONF = CHECKOUT / "conf"
STAGES = ("data", "training", "optimization", "deployment", "monitoring")


class Orchestration(Record):
    """How the fan-outs of a run are spread."""

    runner: Literal["threads"] = Field("threads", description="what maps families and recipes")
    workers: int = Field(2, ge=1, description="families or recipes at a time")

    def task_runner(self) -> TaskRunner[PrefectFuture[Any]]:
        """Prefect's runner of a fan-out."""
        from prefect.task_runners import ThreadPoolTaskRunner

        return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=self.workers))


class TrackingSettings(Record):
    """Where runs are written."""

    uri: Address = Field("", description="an MLflow tracking URI; empty means SQLite under FARRIER_HOME/state")
    pages: Address = Field("", description="where a browser finds MLflow's pages, if not at the tracking URI")


class ScheduleSettings(Record):
    """One schedule of a project: cron or an interval."""

    name: str
    cron: str | None = None
    every_s: int | None = Field(None, ge=10, le=366 * 86400)

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            from prefect.client.schemas.schedules import CronSchedule  # takes long, and few projects have schedules

            try:
                CronSchedule(cron=cron)
            except ValueError:
                raise ValueError("write five fields, as '0 3 * * 1-5': minute, hour, day, month, weekday") from None
        return cron

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.cron is None) == (self.every_s is None):
            raise ValueError("a schedule has either cron or every_s, one of both")
        return self


class Settings(Record):
    """Everything that a run of one project needs to know."""

    project: str
    profile: str = "local"
    description: str = ""
    data: DataSettings
    training: TrainingSettings
    optimization: OptimizationSettings
    deployment: DeploymentSettings
    monitoring: MonitoringSettings = MonitoringSettings()
    targets: tuple[Target, ...] = Field(min_length=1)
    orchestration: Orchestration = Orchestration()
    tracking: TrackingSettings = TrackingSettings()
    schedules: tuple[ScheduleSettings, ...] = ()


def project_folders() -> tuple[Path, ...]:
    """Where projects are looked for: FARRIER_PROJECTS first, where it is set, then the checkout's own."""
    chosen = os.environ.get("FARRIER_PROJECTS")
    return (*((Path(chosen),) if chosen else ()), CONF / "projects")


def projects() -> dict[str, Path]:
    """Every project by name, and its file."""
    found = {file.stem: file for folder in reversed(project_folders()) for file in finished(folder, "*.yaml")}
    return dict(sorted(found.items()))


def load(project: str, options: Sequence[str] = (), *, profile: str | None = None) -> Settings:
    """The settings of a project. Raises SettingsError naming the path, the value and the nearest known key."""
    layers = list(_layers(project, options, profile))
    merged: Tree = {}
    for _, tree in layers:
        merged = merge(merged, tree)
    return _checked(_with_targets(merged, layers), layers)


def trust() -> DeploymentSettings:
    """What the profile says of deployment, for whom no project is at hand: whose signatures count."""
    name = _profile_name(None)
    told = [("conf/deployment.yaml", {"deployment": read_yaml(CONF / "deployment.yaml")}),
            (f"conf/profiles/{name}.yaml", _profile(name)), ("the environment", from_environment(os.environ))]
    layers = [(where, tree.get("deployment") or {}) for where, tree in told]
    merged: Tree = {}
    for _, tree in layers:
        merged = merge(merged, tree)
    try:
        return DeploymentSettings.model_validate(merged)
    except ValidationError as invalid:
        raise SettingsError(explain(invalid, layers, DeploymentSettings)) from None


def unknown(project: str, known: Iterable[str]) -> UnknownProject:
    """That there is no such project, which there are, which was meant, and how to make one."""
    near = difflib.get_close_matches(project, known := list(known), 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return UnknownProject(f"there is no project {project!r}; there are {', '.join(known)}.{hint} "
                          f"To make one: farrier new {project or 'NAME'} --data FILE --target COLUMN")


def target_names() -> tuple[str, ...]:
    """The targets that conf/targets describes."""
    return tuple(sorted(file.stem for file in (CONF / "targets").glob("*.yaml")))


def load_target(name: str) -> Target:
    """One target as conf/targets describes it."""
    layer = (f"conf/targets/{name}.yaml", _target(name))
    try:
        return Target.model_validate({"name": name, **layer[1]})
    except ValidationError as invalid:
        raise SettingsError(explain(invalid, [layer], Target)) from None


def _layers(project: str, options: Sequence[str], profile: str | None) -> Iterator[Layer]:
    for stage in STAGES:
        yield f"conf/{stage}.yaml", {stage: read_yaml(CONF / f"{stage}.yaml")}
    name = _profile_name(profile)
    yield f"conf/profiles/{name}.yaml", {"profile": name, **_profile(name)}
    file = _project_file(project)
    said = [(shown(file), read_yaml(file)), *(("the command line", from_option(option)) for option in options),
            ("the environment", from_environment(os.environ))]
    yield "the call", {"project": project}
    for where, tree in said:
        _refuse_names(where, tree)
        yield where, tree


def _refuse_names(where: str, tree: Tree) -> None:
    """What names a project, a profile or a target also decides what they are: no layer of settings may say another."""
    if "project" in tree:
        raise SettingsError(f"{where}: project is no setting; a project is called as its file is. Leave it out.")
    if "profile" in tree:
        raise SettingsError(f"{where}: profile is no setting, as it is a layer of its own. Choose it with "
                            f"--profile {tree['profile']}, or FARRIER_PROFILE={tree['profile']}.")
    targets = tree.get("targets")
    for name, changes in targets.items() if isinstance(targets, dict) else ():
        if isinstance(changes, dict) and "name" in changes:
            raise SettingsError(f"{where}: targets.{name}.name is no setting; a target is called as its file in "
                                f"conf/targets is. Leave it out.")


def _project_file(project: str) -> Path:
    known = projects()
    if project not in known:
        raise unknown(project, known)
    return known[project]


def _profile_name(chosen: str | None) -> str:
    return chosen or os.environ.get("FARRIER_PROFILE") or "local"


def _profile(name: str) -> Tree:
    file = CONF / "profiles" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(other.stem for other in file.parent.glob("*.yaml")))
        raise SettingsError(f"there is no profile {name!r}; there are {known}")
    return read_yaml(file)


def _target(name: str) -> Tree:
    file = CONF / "targets" / f"{name}.yaml"
    if not file.is_file():
        raise SettingsError(f"there is no target {name!r}; there are {', '.join(target_names())}")
    return read_yaml(file)


def _with_targets(merged: Tree, layers: list[Layer]) -> Tree:
    """`targets:` maps names of conf/targets to what this project changes in them."""
    chosen = merged.get("targets") or {}
    if not isinstance(chosen, dict):
        raise SettingsError(f"targets = {chosen!r}: write a mapping of target names to changes, such as cpu-tiny: {{}}")
    for name, changes in chosen.items():
        if not isinstance(changes, dict | None):
            raise SettingsError(f"targets.{name} = {changes!r}: write a mapping of changes, such as {{threads: 1}}")
    targets = [{"name": name, **merge(_target(name), changes or {})} for name, changes in chosen.items()]
    layers.append(("conf/targets", {"targets": targets}))
    return {**merged, "targets": targets}


def _checked(tree: Tree, layers: list[Layer]) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as invalid:
        raise SettingsError(explain(invalid, layers, Settings)) from None
