"""What each technique of a recipe bought and cost: leave it out, and look at the recipe that is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from pydantic import Field

from tasks.records import Candidate, Failed, Measurement, Recipe, Record, canonical_json

KEEP = "keep"


class Attribution(Record):
    """What one technique of a recipe bought and cost: the whole recipe against the recipe without it.

    Factors above 1 are gains (smaller, faster).
    """

    recipe: str
    technique: str
    without: str = Field(description="the recipe that lacks this technique and is otherwise the same")
    size_factor: float
    latency_factor: float | None = Field(description="of p50: the geometric mean over the targets that measured both; "
                                                     "None: no target did")
    quality_change: float = Field(description="of the primary metric on validation: with the technique minus without")


def attribute(candidates: Sequence[Candidate | Failed],
              measured: Mapping[str, Sequence[Measurement]] | None = None) -> tuple[Attribution, ...]:
    """A line for every technique whose recipe without it is among the candidates; `measured` is by target."""
    made = [candidate for candidate in candidates if isinstance(candidate, Candidate)]
    by_recipe = {_identity(candidate.recipe.start, candidate.recipe.techniques): candidate for candidate in made}
    latencies = [{one.candidate: one.latency_p50_ms.value for one in on} for on in (measured or {}).values()]
    return tuple(_line(candidate, technique, by_recipe[reduced], latencies)
                 for candidate in made
                 for technique, reduced in _reductions(candidate.recipe) if reduced in by_recipe)


def _reductions(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Each technique of a recipe, and what the recipe is without it."""
    chain = [technique for technique in recipe.techniques if technique["kind"] != KEEP]
    for place, technique in enumerate(chain):
        yield technique["kind"], _identity(recipe.start, chain[:place] + chain[place + 1:])


def _identity(start: str, chain: list[dict[str, Any]]) -> str:
    """A recipe apart from its name; `keep` does nothing and does not count."""
    return canonical_json([start, [technique for technique in chain if technique["kind"] != KEEP]])


def _line(whole: Candidate, technique: str, reduced: Candidate,
          latencies: Sequence[Mapping[str, float]]) -> Attribution:
    factors = [on[reduced.name] / on[whole.name] for on in latencies if on.get(whole.name) and on.get(reduced.name)]
    return Attribution(recipe=whole.name, technique=technique, without=reduced.name,
                       size_factor=reduced.size_bytes / whole.size_bytes,
                       latency_factor=prod(factors) ** (1 / len(factors)) if factors else None,
                       quality_change=whole.quality.value - reduced.quality.value)
