"""The optimization stage: recipes of quantization, pruning, distillation; trained models to candidates."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from flows import publishing
from flows.gathering import Made, many
from flows.recording import record_optimization
from flows.run import Run
from flows.training import Trained
from tasks.optimization.settings import OptimizationSettings
from tasks.optimization.steps import optimize
from tasks.records import Candidate, Failed, PreparedData, Recipe, TrainedModel
from tasks.report.markdown import optimization_markdown
from tasks.telling import say


@flow(name="optimization", flow_run_name="optimization {run.project}")
def optimization(
    trained: Trained, prepared: PreparedData, recipes: tuple[Recipe, ...], settings: OptimizationSettings, run: Run
) -> tuple[Candidate | Failed, ...]:
    """Apply every recipe to the model that it starts from."""
    # a recipe is told nothing of the others, so that adding one leaves their results valid
    alone = settings.model_copy(update={"recipes": ()})
    starts = [(recipe, trained.starting(recipe.start)) for recipe in recipes]
    calls = [(recipe, start, prepared, alone) for recipe, start in starts if start is not None]
    say("stage", "optimization", steps=len(calls))
    made = [*many(optimize, calls, refresh="optimization" in run.refresh), *without_start(starts)]
    publishing.markdown("optimization", optimization_markdown(tuple(one.result for one in made)))
    record_optimization(run, made, prepared)
    return tuple(one.result for one in made)


def without_start(starts: Sequence[tuple[Recipe, TrainedModel | None]]) -> list[Made[Candidate | Failed]]:
    """The recipes that have no model to start from, as their family gave none: lines of the report all the same."""
    return [Made(Failed(name=recipe.name, recipe=recipe, reason=f"{recipe.start}, from which it starts, gave no model"),
                 reused=False) for recipe, start in starts if start is None]
