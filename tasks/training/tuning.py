"""Search one family's hyper-parameters, in a process of its own, and keep the best model by validation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import EveryTrialFailed, TrainingError
from tasks.processes import run_apart
from tasks.records import Estimate, PreparedData, TrainedModel, Untrained
from tasks.store import Store
from tasks.training import metrics, reference
from tasks.training.families import AnyFamily
from tasks.training.folds import Fitted, Fold, fold
from tasks.training.learning import resolve_device
from tasks.training.settings import TrainingSettings

if TYPE_CHECKING:
    from optuna.study import Study

    from tasks.training.families._base import Params


@dataclass(frozen=True)
class Attempt:
    """One trial that gave a model."""

    params: Params
    fitted: Fitted
    value: float
    loss: float


def outcome(family: AnyFamily, prepared: PreparedData, settings: TrainingSettings,
            store: Store) -> TrainedModel | Untrained:
    """What `tune` gives; where every trial failed, the reason, so that one family does not end the run of the others.

    Raises what says nothing of the family, as `tune` does: rows or a metric that suit none, a killed process.
    """
    try:
        return tune(family, prepared, settings, store)
    except EveryTrialFailed as problem:
        return Untrained(family=family.kind, reason=str(problem), trials=problem.trials)


def tune(family: AnyFamily, prepared: PreparedData, settings: TrainingSettings, store: Store) -> TrainedModel:
    """The best model that a family gives within its trials; the same bytes for the same data, seed and threads.

    Raises TrainingError where the family or the metric does not suit the data, EveryTrialFailed where no trial gave a
    model, SettingsError where the device is not there.
    """
    return run_apart(search, family, prepared, settings, store, threads=settings.threads, seed=settings.seed)


def search(family: AnyFamily, prepared: PreparedData, settings: TrainingSettings, store: Store) -> TrainedModel:
    """What `tune` runs in its own process."""
    _check(family, prepared, settings)
    device = resolve_device(settings.device)
    data = fold(prepared, store, balanced=settings.balanced)
    count, best = _best_of_trials(family, data, settings, device)
    return TrainedModel(family=family.kind, model=reference.keep(best.fitted, store), params={**best.params},
                        primary=settings.primary, metrics=_estimates(data, best.fitted, settings),
                        answers=reference.keep_answers(best.fitted.answers, store),
                        trials=count, seed=settings.seed, threads=settings.threads)


def _check(family: AnyFamily, prepared: PreparedData, settings: TrainingSettings) -> None:
    schema = prepared.data_schema
    if schema.task not in metrics.metric(settings.primary).tasks:
        raise TrainingError(f"metric {settings.primary!r} is not for a {schema.task} task. "
                            f"Set training.primary to one of {', '.join(metrics.metrics_of(schema.task))}.")
    if settings.balanced and not schema.classes:
        raise TrainingError("training.weights is 'balanced', which weighs classes, and a regression has none. "
                            "Set it to 'auto' or 'none'.")
    if not family.suits(schema):
        raise TrainingError(f"family {family.kind!r} does not suit input {schema.input!r}. "
                            f"Remove it from training.families.")


def _best_of_trials(family: AnyFamily, data: Fold, settings: TrainingSettings, device: str) -> tuple[int, Attempt]:
    """How many trials were made, and the best: by the primary metric, then by loss, then the earliest."""
    study, began = _study(family, settings), time.monotonic()
    wanted, best, refusal, made = family.trials or settings.trials, None, None, 0
    while made < wanted and (not made or time.monotonic() - began < settings.seconds):
        made += 1
        trial = study.ask()
        params = family.space(trial)
        try:
            attempt = _attempt(family, params, data, settings, device)
        except TrainingError as problem:
            study.tell(trial, state=_failed())
            refusal = problem
            continue
        study.tell(trial, attempt.value)
        best = attempt if best is None or _beats(attempt, best, settings.primary) else best
    if best is None:
        raise EveryTrialFailed(f"none of {made} trials of family {family.kind!r} gave a model. "
                               f"The last said: {refusal}", made) from refusal
    return made, best


def _study(family: AnyFamily, settings: TrainingSettings) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    better = "maximize" if metrics.metric(settings.primary).higher_is_better else "minimize"
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed), direction=better)
    for params in (family.first, *family.proven):
        study.enqueue_trial(dict(params))
    return study


def _failed() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


def _attempt(family: AnyFamily, params: Params, data: Fold, settings: TrainingSettings, device: str) -> Attempt:
    """Fit once and judge it. Raises TrainingError where no model came out, or its quality is not a number."""
    fitted = family.fit(data, params, seed=settings.seed, device=device)
    truth, loss = data.validation_target, "log_loss" if data.schema.classes else "rmse"
    value = metrics.score(settings.primary, truth, fitted.answers)
    if value != value:  # noqa: PLR0124  NaN
        raise TrainingError(f"{settings.primary} is not defined on the {len(truth)} validation rows. "
                            f"Take another metric, or a larger validation share.")
    return Attempt(params, fitted, value, metrics.score(loss, truth, fitted.answers))


def _beats(attempt: Attempt, best: Attempt, primary: str) -> bool:
    if attempt.value == best.value:
        return attempt.loss < best.loss
    return metrics.metric(primary).better(attempt.value, best.value)


def _estimates(data: Fold, fitted: Fitted, settings: TrainingSettings) -> dict[str, Estimate]:
    """Every metric of the task that is defined on the validation rows, the primary one first."""
    truth, given = data.validation_target, fitted.answers
    names = dict.fromkeys((settings.primary, *metrics.metrics_of(data.schema.task)))
    return {name: metrics.estimate(name, truth, given, seed=settings.seed) for name in names
            if metrics.score(name, truth, given) == metrics.score(name, truth, given)}
