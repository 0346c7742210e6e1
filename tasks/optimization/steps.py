"""The optimization stage's steps: policy here, work elsewhere."""

from __future__ import annotations

from tasks.caching import step
from tasks.optimization import optimize as optimizing
from tasks.optimization.settings import OptimizationSettings
from tasks.records import Candidate, Failed, PreparedData, Recipe, TrainedModel
from tasks.store import Store


@step(name="optimize", task_run_name="optimize {recipe.name}")
def optimize(
    recipe: Recipe, start: TrainedModel, prepared: PreparedData, settings: OptimizationSettings
) -> Candidate | Failed:
    """Apply one recipe, export, prove parity, and record what it cost in quality."""
    return optimizing.optimize(recipe, start, prepared, settings, Store())
