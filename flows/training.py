"""The training stage: families times hyper-parameters, the best of each by validation."""

from __future__ import annotations

from prefect import flow

from flows import publishing
from flows.gathering import many, one
from flows.recording import record_training
from flows.run import Run
from tasks.records import PreparedData, Record, TrainedModel, Untrained
from tasks.report.markdown import training_markdown
from tasks.telling import say
from tasks.training.champions import standing
from tasks.training.settings import TrainingSettings
from tasks.training.steps import champion, train


class Trained(Record):
    """What training gives: every family's best, the champion among them, and the families that gave no model."""

    models: tuple[TrainedModel, ...]
    champion: TrainedModel
    left_out: tuple[Untrained, ...] = ()

    def starting(self, start: str) -> TrainedModel | None:
        """The model that a recipe starts from: the champion, or a family's best where that family was trained."""
        if start == "champion":
            return self.champion
        return next((model for model in self.models if model.family == start), None)


@flow(name="training", flow_run_name="training {run.project}")
def training(prepared: PreparedData, settings: TrainingSettings, run: Run) -> Trained:
    """Fit every family that suits the data and choose the champion."""
    refresh = "training" in run.refresh
    families = [family for family in settings.families if family.suits(prepared.data_schema)]
    say("stage", "training", steps=len(families) + 1)
    # each family is told of itself alone, so that adding one leaves the others' results valid
    calls = [(family, prepared, settings.model_copy(update={"families": (family,)})) for family in families]
    results = many(train, calls, refresh=refresh)
    models, left_out = standing([made.result for made in results])
    for each in left_out:
        say("left out", f"{each.family}: {each.reason}")
    best = one(champion, models, prepared, refresh=refresh).result
    publishing.markdown("training", training_markdown(models, best.family, left_out))
    record_training(run, results, best, prepared)
    return Trained(models=tuple(models), champion=best, left_out=tuple(left_out))
