"""What a technique is: one step of a recipe that makes a model smaller or faster."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from tasks.plugins import Plugin
from tasks.records import Form, Model, PreparedData, Schema
from tasks.store import Store


class Technique(Plugin):
    """A step of a recipe. It says which models it takes and gives, so that a chain is judged before any work."""

    accepts: ClassVar[frozenset[Form]]
    yields: ClassVar[Form | None] = None  # None: the form it was given
    families: ClassVar[frozenset[str]] = frozenset()  # none named: any

    def suits(self, schema: Schema) -> bool:  # noqa: ARG002  a technique that is choosy overrides this
        """Whether this technique can work on such rows: by their input and task, as it is asked before any is read."""
        return True

    def family(self, given: str) -> str:
        """The family of what comes out, when a model of the given family comes in."""
        return given

    @abstractmethod
    def apply(self, model: Model, data: PreparedData, store: Store, *, seed: int) -> Model:
        """A new model; the argument stays as it is. Raises OptimizationError where none comes out."""
