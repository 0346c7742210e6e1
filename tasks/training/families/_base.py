"""What a family is: a kind of model that is fitted to one fold, with a space of hyper-parameters to search."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tasks.plugins import Plugin
from tasks.records import Form, Schema
from tasks.training.folds import Fitted, Fold

if TYPE_CHECKING:
    from optuna.trial import Trial

Params = dict[str, float]


class Family(Plugin):
    """A kind of model. Its fields are options that stay; what is searched is in `space`."""

    yields: ClassVar[Form]
    first: ClassVar[Params] = {}  # the first trial's hyper-parameters: good ones before any search
    proven: ClassVar[tuple[Params, ...]] = ()  # the next trials', before the sampler draws any
    trials: int | None = Field(None, ge=1, description="how many are tried; None: as many as training.trials says")

    def suits(self, schema: Schema) -> bool:  # noqa: ARG002  a family that is choosy overrides this
        """Whether this family can learn from such rows: by their input and task, as it is asked before any is read."""
        return True

    @abstractmethod
    def space(self, trial: Trial) -> Params:
        """Hyper-parameters to try, drawn from an Optuna trial; empty where there is nothing to search."""

    @abstractmethod
    def fit(self, data: Fold, params: Params, *, seed: int, device: str) -> Fitted:
        """Fit to the fold's train rows. Raises TrainingError where no usable model comes out."""
