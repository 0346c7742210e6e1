from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from tasks.errors import EveryTrialFailed, SettingsError, TrainingError
from tasks.records import PreparedData, TrainedModel, Untrained
from tasks.store import Store
from tasks.training import metrics, tuning
from tasks.training.families import AnyFamily, Boosting, Cnn, Constant, Forest, Linear, Mlp
from tasks.training.folds import fold
from tasks.training.settings import TrainingSettings
from tasks.training.tuning import Attempt, _beats, _study, outcome, search, tune

QUICK = TrainingSettings(trials=3)
TOO_DEEP = Cnn(channels=(2, 2, 2, 2), pools=(1, 2, 3, 4), trials=2)  # nothing is left of 8 by 8 pixels


REPEATED: dict[str, AnyFamily] = {
    "constant": Constant(), "linear": Linear(), "forest": Forest(trees=20),
    "boosting": Boosting(iterations=20, trials=2), "mlp": Mlp(hidden=(16,), epochs=5),
    "cnn": Cnn(channels=(4, 8), epochs=2)}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", [member.model_fields["kind"].default for member in get_args(get_args(AnyFamily)[0])])
def test_the_same_seed_and_threads_give_the_same_bytes_in_every_process(kind: str, threads: int, store: Store,
                                                                        request: pytest.FixtureRequest) -> None:
    family, conf = REPEATED[kind], QUICK.model_copy(update={"threads": threads})
    prepared = request.getfixturevalue("digits" if kind == "cnn" else "mixed")
    assert tune(family, prepared, conf, store) == tune(family, prepared, conf, store)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_an_accelerator_gives_the_same_bytes_again(kind: str, digits: PreparedData, store: Store) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs an accelerator, and torch sees no CUDA device here")
    conf = QUICK.model_copy(update={"device": "cuda"})
    assert tune(REPEATED[kind], digits, conf, store) == tune(REPEATED[kind], digits, conf, store)


def test_the_seed_makes_a_difference(mixed: PreparedData, store: Store) -> None:
    first, other = (search(Forest(trees=5), mixed, TrainingSettings(trials=1, seed=seed), store) for seed in (1, 2))
    assert first.model.artifact.sha256 != other.model.artifact.sha256


def test_a_trained_model_says_how_it_was_made(mixed: PreparedData, store: Store) -> None:
    trained = search(Linear(), mixed, TrainingSettings(trials=2, seed=4, primary="roc_auc"), store)
    assert (trained.family, trained.trials, trained.seed, trained.threads) == ("linear", 2, 4, 1)
    assert set(trained.metrics) == set(metrics.metrics_of("binary"))
    answers = np.load(store.fetch(trained.answers))
    assert trained.quality == metrics.estimate("roc_auc", fold(mixed, store).validation_target, answers, seed=4)
    assert TrainedModel.model_validate_json(trained.model_dump_json()) == trained


def test_more_trials_never_give_less(mixed: PreparedData, store: Store) -> None:
    found = [search(Linear(), mixed, TrainingSettings(trials=trials, primary="log_loss"), store).quality.value
             for trials in (1, 3, 6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


def test_of_equal_trials_the_surer_one_is_kept(mixed: PreparedData, store: Store) -> None:
    fitted = Linear().fit(fold(mixed, store), dict(Linear.first), seed=0, device="cpu")
    sure, unsure, best = (Attempt({}, fitted, value, loss) for value, loss in ((0.9, 0.2), (0.9, 0.4), (0.95, 0.9)))
    assert _beats(sure, unsure, "accuracy")
    assert not _beats(unsure, sure, "accuracy")
    assert _beats(best, sure, "accuracy")
    assert not _beats(best, sure, "log_loss")


def test_a_family_may_have_its_own_number_of_trials(mixed: PreparedData, store: Store) -> None:
    assert search(Linear(trials=1), mixed, QUICK, store).trials == 1
    assert search(Linear(), mixed, QUICK, store).trials == 3


def test_a_search_begins_with_what_is_known_to_do_well() -> None:
    study = _study(Boosting(), QUICK)
    assert [Boosting().space(study.ask()) for _ in range(3)] == [Boosting.first, *Boosting.proven]


def test_no_trial_starts_after_the_time_is_over(mixed: PreparedData, store: Store) -> None:
    assert search(Linear(), mixed, TrainingSettings(trials=50, seconds=1e-9), store).trials == 1


class Moody(Linear):
    """Fails in every trial, or in all but the first."""

    always: bool = False

    def fit(self, data, params, *, seed, device):  # type: ignore[no-untyped-def]
        if self.always or params != self.first:
            raise TrainingError("not today")
        return super().fit(data, params, seed=seed, device=device)


def test_a_failed_trial_is_left_out(mixed: PreparedData, store: Store) -> None:
    trained = search(Moody(), mixed, QUICK, store)
    assert (trained.params, trained.trials) == (Linear.first, 3)


def test_failed_trials_only_are_an_error(mixed: PreparedData, store: Store) -> None:
    with pytest.raises(EveryTrialFailed, match=r"none of 3 trials of family 'linear' gave a model.*not today"):
        search(Moody(always=True), mixed, QUICK, store)


def test_a_family_of_failed_trials_only_is_told_and_not_raised(digits: PreparedData, store: Store) -> None:
    found = outcome(TOO_DEEP, digits, QUICK, store)
    assert isinstance(found, Untrained)
    assert (found.family, found.trials) == ("cnn", 2)
    assert "too small for 4 pools" in found.reason
    assert Untrained.model_validate_json(found.model_dump_json()) == found


def test_what_says_nothing_of_the_family_is_still_raised(mixed: PreparedData, store: Store) -> None:
    with pytest.raises(TrainingError, match="'rmse' is not for a binary task"):
        outcome(Linear(), mixed, TrainingSettings(primary="rmse"), store)


def test_an_error_in_the_process_is_raised_here(mixed: PreparedData, store: Store) -> None:
    with pytest.raises(TrainingError, match="family 'cnn' does not suit input 'rows'"):
        tune(Cnn(), mixed, QUICK, store)


def test_a_metric_of_another_task_is_an_error(mixed: PreparedData, prices: PreparedData, store: Store) -> None:
    with pytest.raises(TrainingError, match=r"'rmse' is not for a binary task\. Set training\.primary to one of"):
        search(Constant(), mixed, TrainingSettings(primary="rmse"), store)
    with pytest.raises(TrainingError, match="'accuracy' is not for a regression task"):
        search(Constant(), prices, QUICK, store)


def test_a_device_that_is_not_there_is_refused_before_any_work(mixed: PreparedData, store: Store) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("has a CUDA device")
    gone = mixed.model_copy(update={"train": mixed.train.model_copy(update={"uri": "file:///nowhere"})})
    with pytest.raises(SettingsError, match="sees no CUDA device"):
        search(Mlp(), gone, TrainingSettings(device="cuda"), store)


def test_a_metric_that_validation_cannot_tell_fails_the_trial(mixed: PreparedData, store: Store,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    data = fold(mixed, store)
    one_class = type(data)(data.schema, data.train, data.train_target, data.validation,
                           np.zeros_like(data.validation_target))
    monkeypatch.setattr(tuning, "fold", lambda prepared, store, **_: one_class)
    with pytest.raises(TrainingError, match=r"roc_auc is not defined on the [0-9]+ validation rows"):
        search(Linear(), mixed, TrainingSettings(trials=1, primary="roc_auc"), store)
    assert "roc_auc" not in search(Linear(), mixed, TrainingSettings(trials=1), store).metrics
