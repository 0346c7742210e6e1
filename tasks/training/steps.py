"""The training stage's steps: policy here, work elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.caching import step
from tasks.records import PreparedData, TrainedModel, Untrained
from tasks.store import Store
from tasks.training import champions, tuning
from tasks.training.families import AnyFamily
from tasks.training.settings import TrainingSettings


@step(name="train", task_run_name="train {family.kind}")
def train(family: AnyFamily, prepared: PreparedData, settings: TrainingSettings) -> TrainedModel | Untrained:
    """Tune one family and keep its best model by validation, or the reason why it gave none."""
    return tuning.outcome(family, prepared, settings, Store())


@step(name="champion")
def champion(models: Sequence[TrainedModel], prepared: PreparedData) -> TrainedModel:
    """The best by validation; of those tied with it, the smallest."""
    return champions.champion(models, prepared, Store())
