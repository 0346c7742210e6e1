"""What optimization is asked: recipes, and how exact a graph must be."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from tasks.optimization.techniques import AnyTechnique, Keep
from tasks.records import Record


class RecipeSettings(Record):
    """A chain of techniques and the model that it starts from."""

    name: str = Field(description="letters, digits, and . _ + -")
    start: str = Field("champion", description="'champion', or the family whose best model is taken")
    chain: tuple[AnyTechnique, ...] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _is_one_word(cls, name: str) -> str:
        if not re.fullmatch(r"[\w.+-]+", name):
            raise ValueError(f"recipe {name!r} cannot be called so: files and searches take its name. "
                             f"Use letters, digits, and . _ + - only")
        return name


class OptimizationSettings(Record):
    """Which recipes are tried on the trained models."""

    recipes: tuple[RecipeSettings, ...] = Field((RecipeSettings(name="keep", chain=(Keep(),)),), min_length=1)
    parity_tolerance: float = Field(1e-4, gt=0, description="largest difference between a graph and its trained model: "
                                                            "of a probability, or of a prediction relative to its size")
    threads: int = Field(1, ge=1, description="of each recipe's own process")
    seed: int = Field(0, ge=0, lt=2**32)

    @field_validator("recipes")
    @classmethod
    def _are_different(cls, recipes: tuple[RecipeSettings, ...]) -> tuple[RecipeSettings, ...]:
        names = [recipe.name for recipe in recipes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands twice in optimization.recipes; each name may stand once")
        return recipes
