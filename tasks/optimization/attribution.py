"""What each technique of a recipe bought and cost: leave it out, and look at the recipe that is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from tasks.records import Candidate, Measurement, Recipe, Record, canonical_json

KEEP = "keep"


class Attribution(Record):
    """One technique's part in one candidate: the candidate with it, divided by or minus the one without it."""

    candidate: str
    technique: str
    without: str = Field(description="the candidate whose recipe lacks this technique and is otherwise the same")
    size_ratio: float = Field(description="below 1: it made the model smaller")
    quality_change: float = Field(description="of the primary metric on validation; below 0: a lower value")
    latency_ratio: float | None = Field(None, description="of p50; below 1: it made the model faster; None: unmeasured")


def attribute(candidates: Sequence[Candidate], measurements: Sequence[Measurement] = ()) -> tuple[Attribution, ...]:
    """Every technique whose recipe without it is among the candidates; `measurements` are of one target."""
    by_recipe = {_identity(candidate.recipe.start, candidate.recipe.techniques): candidate for candidate in candidates}
    latency = {one.candidate: one.latency_p50_ms.value for one in measurements}
    return tuple(_part(candidate, technique, other, latency)
                 for candidate in candidates
                 for technique, reduced in _reductions(candidate.recipe)
                 if (other := by_recipe.get(reduced)) is not None)


def _reductions(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Each technique of a recipe, and what the recipe is without it."""
    chain = [technique for technique in recipe.techniques if technique["kind"] != KEEP]
    for place, technique in enumerate(chain):
        yield technique["kind"], _identity(recipe.start, chain[:place] + chain[place + 1:])


def _identity(start: str, chain: list[dict[str, Any]]) -> str:
    """A recipe apart from its name; `keep` does nothing and does not count."""
    return canonical_json([start, [technique for technique in chain if technique["kind"] != KEEP]])


def _part(candidate: Candidate, technique: str, other: Candidate, latency: Mapping[str, float]) -> Attribution:
    timed = candidate.name in latency and latency.get(other.name, 0.0) > 0
    return Attribution(candidate=candidate.name, technique=technique, without=other.name,
                       size_ratio=candidate.size_bytes / other.size_bytes,
                       quality_change=candidate.quality.value - other.quality.value,
                       latency_ratio=latency[candidate.name] / latency[other.name] if timed else None)
