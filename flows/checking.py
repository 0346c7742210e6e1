"""What conf alone shows to be impossible, refused before any work: recipes, and targets that this machine lacks."""

from __future__ import annotations

from collections.abc import Iterator

from conf.settings import Settings
from tasks.data.settings import DataSettings
from tasks.deployment.target import require
from tasks.errors import ImpossibleRecipe
from tasks.optimization.recipes import plan
from tasks.records import Column, Recipe, Schema, TaskKind

TASKS: tuple[TaskKind, ...] = ("binary", "multiclass", "regression")


def check(settings: Settings) -> tuple[Recipe, ...]:
    """The recipes that a run would try.

    Raises MissingExtra for a target whose runtime is not installed, and ImpossibleRecipe for a recipe that no model of
    this project can take; where the task is found out from the rows, only what no task would allow is refused here.
    """
    for target in settings.targets:
        require(target)
    refusals = []
    for schema in _possible(settings.data):
        try:
            return plan(settings.optimization, settings.training.families, schema)
        except ImpossibleRecipe as refused:
            refusals.append(refused)
    raise refusals[0]


def _possible(data: DataSettings) -> Iterator[Schema]:
    """What conf says of the rows, for each task that it leaves open; which columns there are shows only the source."""
    target = Column(name=data.target, kind="category", dtype="string", categories=("no", "yes"))
    for task in (data.task,) if data.task else TASKS:
        yield Schema(input=data.input, shape=data.shape, columns=(), target=target, task=task)
