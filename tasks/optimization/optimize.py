"""Apply a recipe to a trained model: a candidate with its proof and its quality, or the reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data import preparation
from tasks.errors import FarrierError, OptimizationError, StoreError
from tasks.optimization.export import export
from tasks.optimization.parity import ask, parity
from tasks.optimization.recipes import Stage, refusal, techniques_of
from tasks.optimization.settings import OptimizationSettings
from tasks.optimization.techniques._base import Technique
from tasks.processes import run_apart
from tasks.records import Candidate, Failed, Model, Parity, PreparedData, Recipe, TrainedModel
from tasks.store import Store
from tasks.training import metrics, reference

WANTS_MEMORY = re.compile("allocate memory|bad_alloc|out of memory", re.IGNORECASE)  # as torch and ONNX Runtime say it


@dataclass(frozen=True)
class Exported:
    """A graph with its proof, and the model that it was made from."""

    graph: Model
    source: Model
    parity: Parity


def optimize(recipe: Recipe, start: TrainedModel, prepared: PreparedData, settings: OptimizationSettings,
             store: Store) -> Candidate | Failed:
    """Apply a recipe in a process of its own; the same bytes for the same model, data, seed and threads.

    What goes wrong on the way becomes the reason of a Failed: a recipe that gives no candidate never ends a run.
    Raises StoreError, OSError (a full disk), OptimizationError for want of memory, and ChildFailed where the process
    was killed: none of them says anything about the recipe, and a reason that is kept would stand in the way of trying
    again.
    """
    if reason := refusal(techniques_of(recipe), Stage(start.model.form, start.family), prepared.data_schema):
        return Failed(name=recipe.name, recipe=recipe, reason=f"not applicable: {reason}")
    return run_apart(attempt, recipe, start, prepared, settings, store, threads=settings.threads, seed=settings.seed)


def attempt(recipe: Recipe, start: TrainedModel, prepared: PreparedData, settings: OptimizationSettings,
            store: Store) -> Candidate | Failed:
    """What `optimize` runs in its own process. Raises what it raises."""
    try:
        return follow(recipe, start, prepared, settings, store)
    except (StoreError, OSError):
        raise
    except Exception as problem:  # whatever else a library raises is this recipe's reason
        if isinstance(problem, MemoryError) or WANTS_MEMORY.search(str(problem)):
            raise OptimizationError(f"recipe {recipe.name!r} needs more memory than there is: {_in_words(problem)}. "
                                    f"End what else runs here and run again, or leave the recipe out.") from problem
        return Failed(name=recipe.name, recipe=recipe, reason=_in_words(problem))


def follow(recipe: Recipe, start: TrainedModel, prepared: PreparedData, settings: OptimizationSettings,
           store: Store) -> Candidate:
    """The recipe's candidate. Raises what a technique, the export or the proof raises."""
    chain = techniques_of(recipe)
    model, exported = _through(chain, start.model, prepared, settings, store)
    answers, truth = _answers(model, prepared, store)
    return Candidate(name=recipe.name, model=model, source=exported.source if model == exported.graph else None,
                     recipe=recipe, family=_family(chain, start.family), parent=start.model.artifact.sha256,
                     size_bytes=model.size_bytes, quality=metrics.estimate(start.primary, truth, answers),
                     answers=reference.keep_answers(answers, store), parity=exported.parity)


def _through(chain: Sequence[Technique], model: Model, prepared: PreparedData, settings: OptimizationSettings,
             store: Store) -> tuple[Model, Exported]:
    """The model after every technique, and its export: made before the first technique on graphs, else at the end."""
    exported = None
    for technique in chain:
        if model.form not in technique.accepts:
            exported = _export(model, prepared, settings, store)
            model = exported.graph
        model = technique.apply(model, prepared, store, seed=settings.seed)
    if exported is None:
        exported = _export(model, prepared, settings, store)
        model = exported.graph
    return model, exported


def _export(model: Model, prepared: PreparedData, settings: OptimizationSettings, store: Store) -> Exported:
    graph = export(model, prepared.data_schema, prepared, store)
    return Exported(graph, model, parity(graph, model, prepared, store, settings.parity_tolerance))


def _answers(graph: Model, prepared: PreparedData, store: Store) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """The graph's answers for the validation rows, and their truth."""
    frame, schema = preparation.load(prepared.validation, store), prepared.data_schema
    return ask(graph, preparation.typed(frame, schema), schema, store), preparation.target(frame, schema)


def _family(chain: Sequence[Technique], family: str) -> str:
    for technique in chain:
        family = technique.family(family)
    return family


def _in_words(problem: BaseException) -> str:
    """One line: what was said, and by which error where that is not one of ours."""
    said = (str(problem).strip() or "no reason given").splitlines()[0]
    return said if isinstance(problem, FarrierError) else f"{type(problem).__name__}: {said}"
