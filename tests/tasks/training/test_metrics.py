from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as theirs

from tasks.errors import TrainingError
from tasks.training.metrics import METRICS, estimate, losses, metrics_of, score

Case = tuple[NDArray[np.int64] | NDArray[np.float64], NDArray[np.float32]]


def classified(classes: int, rows: int = 120, seed: int = 3) -> Case:
    """Answers that lean towards the truth, with ties among them."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(classes, size=rows)
    logits = draw.normal(size=(rows, classes)).round(1) + 1.5 * np.eye(classes)[truth]
    odds = np.exp(logits)
    return truth, (odds / odds.sum(1, keepdims=True)).astype(np.float32)


def predicted(rows: int = 120, seed: int = 3) -> Case:
    draw = np.random.default_rng(seed)
    truth = draw.normal(1000.0, 5.0, rows)
    return truth, (truth + draw.normal(0, 2.0, rows)).astype(np.float32)


def case_for(name: str, classes: int = 3) -> Case:
    return predicted() if "regression" in METRICS[name].tasks else classified(classes)


THEIRS = {
    "accuracy": lambda y, p: theirs.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: theirs.balanced_accuracy_score(y, p.argmax(1)),
    "f1": lambda y, p: theirs.f1_score(y, p.argmax(1), average="macro"),
    "roc_auc": lambda y, p: theirs.roc_auc_score(y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr"),
    "log_loss": theirs.log_loss,
    "brier": lambda y, p: theirs.brier_score_loss(y, p[:, 1] if p.shape[1] == 2 else p),
    "rmse": theirs.root_mean_squared_error,
    "mae": theirs.mean_absolute_error,
    "r2": theirs.r2_score,
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", METRICS)
def test_agrees_with_scikit_learn(name: str, classes: int) -> None:
    truth, answers = case_for(name, classes)
    exact = answers.astype(np.float64)
    if exact.ndim == 2:
        exact /= exact.sum(1, keepdims=True)  # scikit-learn warns of sums that float32 leaves off by 1e-7
    assert score(name, truth, answers) == pytest.approx(THEIRS[name](truth, exact), rel=1e-5)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_drawn_twice_counts_as_two_rows(name: str) -> None:
    truth, answers = case_for(name)
    times = np.arange(len(truth)) % 3
    weighted = METRICS[name].statistic(truth, answers.astype(np.float64))(times[None].astype(np.float64))
    assert weighted[0] == pytest.approx(score(name, np.repeat(truth, times), np.repeat(answers, times, axis=0)))


@pytest.mark.parametrize("name", [name for name, one in METRICS.items() if one.rows])
def test_the_mean_of_the_rows_is_the_score(name: str) -> None:
    truth, answers = case_for(name)
    parts = losses(name, truth, answers)
    assert parts is not None
    assert parts.shape == (len(truth),)
    assert parts.mean() == pytest.approx(score(name, truth, answers))


def test_a_metric_that_is_no_mean_of_rows_has_none() -> None:
    assert losses("roc_auc", *classified(2)) is None


@pytest.mark.parametrize("name", METRICS)
def test_the_interval_holds_the_value_and_is_the_same_again(name: str) -> None:
    truth, answers = case_for(name)
    found = estimate(name, truth, answers, seed=5)
    assert found.low < found.value < found.high
    assert found == estimate(name, truth, answers, seed=5)
    assert found.n == len(truth)


@pytest.mark.parametrize("name", ["mae", "rmse", "f1"])
def test_the_interval_covers_what_it_promises(name: str) -> None:
    """In 100 samples the true value lies in 86 to 100 intervals; a 95 % interval errs outside that in 1 of 2,000."""
    make = predicted if name in ("mae", "rmse") else lambda rows, seed: classified(3, rows, seed)
    true = score(name, *make(200_000, 1))
    found = [estimate(name, *make(150, seed)) for seed in range(100)]
    assert 86 <= sum(one.low <= true <= one.high for one in found) <= 100


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1", "roc_auc"])
def test_perfect_answers_are_not_certain(name: str) -> None:
    truth = np.arange(60) % 3
    found = estimate(name, truth, np.eye(3, dtype=np.float32)[truth])
    assert found.value == found.high == 1
    assert 0.9 < found.low < 0.96


def test_an_area_without_a_second_class_is_not_defined() -> None:
    _, answers = classified(2)
    one_class = np.zeros(len(answers), dtype=np.int64)
    assert np.isnan(score("roc_auc", one_class, answers))
    with pytest.raises(TrainingError, match="roc_auc is not defined on these 120 rows"):
        estimate("roc_auc", one_class, answers)


def test_a_class_that_never_occurs_is_left_out() -> None:
    truth, answers = classified(3)
    kept = truth < 2
    assert score("balanced_accuracy", truth[kept], answers[kept]) == pytest.approx(
        np.mean([np.mean(answers[truth == index].argmax(1) == index) for index in (0, 1)]))


@pytest.mark.parametrize(("name", "spoil", "says"), [
    ("accuracy", lambda y, p: (y, p[:-1]), r"takes answers of 2 dimensions for 120 rows.*\(119, 3\)"),
    ("mae", lambda y, p: (y, p), "takes answers of 1 dimensions"),
    ("accuracy", lambda y, p: (y[:0], p[:0]), "at least one"),
    ("log_loss", lambda y, p: (y, np.where(p > 0.5, np.nan, p)), "answers are not finite"),
    ("aucroc", lambda y, p: (y, p), "'aucroc' is not known. Known are accuracy"),
])
def test_bad_answers_are_refused(name: str, spoil: object, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        score(name, *spoil(*classified(3)))  # type: ignore[operator]


def test_better_fails_closed() -> None:
    assert METRICS["accuracy"].better(0.9, 0.8)
    assert METRICS["rmse"].better(0.8, 0.9)
    assert not METRICS["accuracy"].better(float("nan"), 0.8)
    assert not METRICS["rmse"].better(float("nan"), 0.8)


def test_every_task_has_its_metrics() -> None:
    assert metrics_of("regression") == ("rmse", "mae", "r2")
    assert set(metrics_of("binary")) == set(METRICS) - {"rmse", "mae", "r2"}
