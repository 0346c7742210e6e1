"""Recipes: which chains are possible, judged before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from tasks.errors import ImpossibleRecipe
from tasks.optimization.settings import OptimizationSettings, RecipeSettings
from tasks.optimization.techniques import AnyTechnique
from tasks.optimization.techniques._base import Technique
from tasks.records import Form, Recipe, Schema, canonical_json
from tasks.training.families import AnyFamily

CHAIN: TypeAdapter[tuple[AnyTechnique, ...]] = TypeAdapter(tuple[AnyTechnique, ...])


@dataclass(frozen=True)
class Stage:
    """What a model is between two techniques."""

    form: Form
    family: str


def plan(settings: OptimizationSettings, families: Sequence[AnyFamily],
         schema: Schema | None = None) -> tuple[Recipe, ...]:
    """The recipes that conf asks for.

    Raises ImpossibleRecipe for a start that is not trained, and for a chain that its start cannot take. Which family
    the champion is of shows when training ends: a recipe that starts from it is refused here only where no family
    could take it.
    """
    return tuple(_planned(recipe, families, schema) for recipe in settings.recipes)


def _planned(recipe: RecipeSettings, families: Sequence[AnyFamily], schema: Schema | None) -> Recipe:
    starts = _starts(recipe, families, schema)
    refusals = [refusal(recipe.chain, start, schema) for start in starts]
    if all(refusals):
        raise ImpossibleRecipe(f"recipe {recipe.name!r}: {refusals[0]}")
    chain = canonical_json([technique.model_dump(mode="json") for technique in recipe.chain])
    return Recipe(name=recipe.name, start=recipe.start, chain=chain)


def _starts(recipe: RecipeSettings, families: Sequence[AnyFamily], schema: Schema | None) -> list[Stage]:
    trained = [family for family in families if schema is None or family.suits(schema)]
    chosen = [family for family in trained if recipe.start in ("champion", family.kind)]
    if not chosen:
        known = ", ".join(family.kind for family in trained)
        raise ImpossibleRecipe(f"recipe {recipe.name!r} starts from {recipe.start!r}, which is not trained here. "
                              f"Trained are: champion, {known}. Change its start, or add it to training.families.")
    return [Stage(family.yields, family.kind) for family in chosen]


def techniques_of(recipe: Recipe) -> tuple[AnyTechnique, ...]:
    """The techniques of a recipe's chain."""
    return CHAIN.validate_json(recipe.chain)


def refusal(chain: Sequence[Technique], start: Stage, schema: Schema | None = None) -> str | None:
    """Why a chain cannot take such a model; None where it can. Before the first technique on graphs stands export."""
    stage = start
    for technique in chain:
        if schema is not None and not technique.suits(schema):
            return f"{technique.kind} does not suit rows of input {schema.input!r} for a {schema.task} task."
        if technique.families and stage.family not in technique.families:
            return (f"{technique.kind} takes models of the families {', '.join(sorted(technique.families))}, not "
                    f"{stage.family!r}. Change the recipe's start, or leave {technique.kind} out.")
        if stage.form not in technique.accepts and "onnx" not in technique.accepts:
            return (f"{technique.kind} takes a model as {' or '.join(sorted(technique.accepts))}, and here it is "
                    f"already {stage.form}. Put {technique.kind} earlier in the chain, or change the start.")
        stage = _after(technique, stage)
    return None


def _after(technique: Technique, stage: Stage) -> Stage:
    given: Form = stage.form if stage.form in technique.accepts else "onnx"
    return Stage(technique.yields or given, technique.family(stage.family))
