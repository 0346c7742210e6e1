from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from tasks.deployment.certification import certify, compare, outcome_of
from tasks.deployment.paired import Differences, paired
from tasks.deployment.settings import DeploymentSettings, Margin, SliceSettings
from tasks.errors import DeploymentError, FarrierError, SettingsError
from tasks.records import Column, Comparison, Schema, Verdict, canonical_json

Answers = npt.NDArray[Any]
ROWS = 450
SCHEMA = Schema(
    columns=(Column(name="side", kind="category", dtype="string", categories=("a", "b")),
             Column(name="size", kind="number", dtype="double")),
    target=Column(name="y", kind="category", dtype="string", categories=("no", "yes")), task="binary")
NUMBERS = Schema(columns=SCHEMA.columns, target=Column(name="y", kind="number", dtype="double"), task="regression")
TRUTH = np.tile([0, 1], ROWS // 2)
FRAME = pd.DataFrame({"side": ["a"] * 400 + ["b"] * 50, "size": np.tile(np.float32([1, 2, 2]), ROWS // 3),
                      "y": np.array(["no", "yes"])[TRUTH]})


def answers(wrong: int | slice | list[int] = 0, truth: Answers = TRUTH) -> Answers:
    """Probabilities that are right except on these rows (or on the first so many)."""
    rows = slice(0, wrong) if isinstance(wrong, int) else wrong
    right = np.full(len(truth), True)
    right[rows] = False
    positive = np.where(right == (truth == 1), 0.9, 0.1)
    return np.stack([1 - positive, positive], axis=1).astype(np.float32)


def verdict(candidate: Answers, champion: Answers | None = None, metric: str = "accuracy", **asked: Any) -> Verdict:
    asked = {"margin": Margin(drop=0.02)} | asked
    champion = answers() if champion is None else champion
    return certify("c", TRUTH, champion, candidate, FRAME, SCHEMA, metric, DeploymentSettings(**asked))


@pytest.mark.parametrize(("wrong", "outcome"), [(0, "pass"), (3, "pass"), (5, "inconclusive"), (9, "inconclusive"),
                                                (30, "fail")])
def test_accuracy_passes_fails_or_stays_open_by_the_rows_lost(wrong: int, outcome: str) -> None:
    found = verdict(answers(wrong))
    assert found.outcome == found.overall.outcome == outcome
    assert found.overall.candidate == pytest.approx(1 - wrong / ROWS)
    assert (found.overall.champion, found.overall.drop.value) == (1, pytest.approx(wrong / ROWS))
    assert found.overall.drop.low < found.overall.drop.value < found.overall.drop.high


def test_the_same_accuracy_on_other_rows_is_not_the_same_model() -> None:
    """Equal scores from 20 rows lost and 20 gained prove less than equal answers do."""
    swapped = verdict(answers(slice(20, 40)), champion=answers(20))
    assert swapped.overall.drop.value == 0
    assert swapped.outcome == "inconclusive"
    assert verdict(answers(20), champion=answers(20)).outcome == "pass"


def test_too_few_rows_say_how_many_would_do() -> None:
    needed = verdict(answers(5)).overall.rows_needed
    assert needed is not None
    assert ROWS < needed < 3000
    assert verdict(answers(3)).overall.rows_needed is None
    assert verdict(answers(30)).overall.rows_needed is None


@pytest.mark.parametrize("metric", ["log_loss", "brier", "roc_auc", "f1", "balanced_accuracy"])
def test_every_metric_knows_its_better_direction(metric: str) -> None:
    generator = np.random.default_rng(0)
    logits = np.where(TRUTH == 1, 2.0, -2.0) + generator.normal(0, 1.5, ROWS)

    def softmax(values: Answers) -> Answers:
        positive = 1 / (1 + np.exp(-values))
        return np.stack([1 - positive, positive], axis=1)

    near, far = (softmax(logits + generator.normal(0, noise, ROWS)) for noise in (0.02, 4.0))
    asked = {"metric": metric, "margin": Margin(drop=0.2 if metric == "log_loss" else 0.03)}  # one row may lose 16
    assert verdict(near, softmax(logits), **asked).outcome == "pass"
    assert verdict(far, softmax(logits), **asked).outcome == "fail"
    assert verdict(softmax(logits), far, **asked).outcome == "pass"


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
@pytest.mark.parametrize("margin", [Margin(drop=0.1), Margin(relative=0.1)])
def test_regressions_are_certified_too(metric: str, margin: Margin) -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(size=ROWS)
    champion = truth + generator.normal(0, 0.5, ROWS)
    settings = DeploymentSettings(margin=margin)
    outcomes = [certify("c", truth, champion, champion + generator.normal(0, noise, ROWS), FRAME, NUMBERS, metric,
                        settings).outcome for noise in (0.01, 2.0)]
    assert outcomes == ["pass", "fail"]


def test_a_relative_margin_is_of_the_champions_score() -> None:
    found = verdict(answers(90), champion=answers(90), margin=Margin(relative=0.05))
    assert found.overall.margin == pytest.approx(0.05 * 0.8)


def spoiled(value: float) -> Answers:
    broken = answers()
    broken[7, 0] = value
    return broken


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
@pytest.mark.parametrize("whose", ["candidate", "champion"])
def test_an_answer_that_is_no_number_never_passes(value: float, metric: str, whose: str) -> None:
    both = {"candidate": answers(), "champion": answers()} | {whose: spoiled(value)}
    found = verdict(metric=metric, **both)
    assert found.outcome == "inconclusive"
    assert "not finite" in found.overall.drop.method
    assert canonical_json(found.model_dump(mode="json"))


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "f1"])
def test_no_rows_never_pass(metric: str) -> None:
    none = answers()[:0]
    found = certify("c", TRUTH[:0], none, none, FRAME[:0], SCHEMA, metric, DeploymentSettings())
    assert found.outcome == "inconclusive"


@pytest.mark.parametrize("metric", ["log_loss", "f1", "brier"])
def test_fewer_rows_than_a_bootstrap_can_bear_never_pass(metric: str) -> None:
    some = slice(0, 60)
    found = certify("c", TRUTH[some], answers()[some], answers()[some], FRAME[some], SCHEMA, metric,
                    DeploymentSettings(margin=Margin(drop=0.5)))
    assert (found.outcome, found.overall.rows_needed) == ("inconclusive", 100)


def test_a_metric_that_is_not_defined_never_passes() -> None:
    truth = np.zeros(ROWS, dtype=np.int64)
    found = certify("c", truth, answers(truth=truth), answers(truth=truth), FRAME, SCHEMA, "roc_auc",
                    DeploymentSettings())
    assert found.outcome == "inconclusive"


def test_no_difference_at_all_passes_only_with_a_margin_to_spare() -> None:
    """A champion that is always wrong leaves a relative margin of nothing."""
    wrong = answers(ROWS)
    assert verdict(wrong, champion=wrong, margin=Margin(relative=0.01)).outcome == "inconclusive"


@pytest.mark.parametrize(("theirs", "ours", "rows"), [(449, 450, 450), (450, 449, 450), (450, 450, 449)])
def test_lengths_that_do_not_fit_are_an_error(theirs: int, ours: int, rows: int) -> None:
    with pytest.raises(DeploymentError, match="449"):
        certify("c", TRUTH, answers()[:theirs], answers()[:ours], FRAME[:rows], SCHEMA, "accuracy",
                DeploymentSettings())


def test_shapes_that_do_not_fit_are_an_error() -> None:
    three = np.concatenate([answers(), answers()[:, :1]], axis=1)
    with pytest.raises(DeploymentError, match=r"\(450, 3\)"):
        verdict(three)
    with pytest.raises(FarrierError):
        verdict(answers()[:, 0], champion=answers()[:, 0])


def test_an_unknown_metric_is_an_error_that_names_the_known() -> None:
    with pytest.raises(DeploymentError, match="accuracy"):
        verdict(answers(), metric="acuracy")


def test_a_margin_in_percent_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"0\.02"):
        verdict(answers(), margin=Margin(drop=2))


LAX, STRICT = Margin(drop=0.15), Margin(drop=0.01)


def test_every_slice_must_pass() -> None:
    found = verdict(answers([400]), slices=(SliceSettings(column="side", margin=LAX),))
    assert [(c.name, c.outcome) for c in found.slices] == [("side=a", "pass"), ("side=b", "pass")]
    assert found.outcome == "pass"


def test_a_slice_that_fails_blocks_what_passes_overall() -> None:
    found = verdict(answers(list(range(400, 425))), margin=LAX, slices=(SliceSettings(column="side", margin=LAX),))
    assert found.overall.outcome == "pass"
    assert [c.outcome for c in found.slices] == ["pass", "fail"]
    assert found.outcome == "fail"


def test_a_slice_of_too_few_rows_blocks_and_says_how_many_it_needs() -> None:
    found = verdict(answers(), slices=(SliceSettings(column="side", margin=Margin(drop=0.05)),))
    small = found.slices[1]
    assert (small.name, small.outcome, small.rows_needed) == ("side=b", "inconclusive", 59)
    assert found.outcome == "inconclusive"


def test_an_advisory_slice_does_not_block() -> None:
    found = verdict(answers(), slices=(SliceSettings(column="side", margin=STRICT, advisory=True),))
    assert [c.outcome for c in found.slices] == ["pass", "inconclusive"]
    assert found.outcome == "pass"


def test_advisory_slices_do_not_carry_what_fails_overall() -> None:
    found = verdict(answers(30), slices=(SliceSettings(column="side", margin=Margin(drop=0.9), advisory=True),))
    assert {c.outcome for c in found.slices} == {"pass"}
    assert found.outcome == "fail"


def test_a_declared_slice_without_rows_blocks() -> None:
    found = verdict(answers(), slices=(SliceSettings(column="side", values=("a", "z"), margin=LAX),))
    assert [(c.name, c.outcome) for c in found.slices] == [("side=a", "pass"), ("side=z", "inconclusive")]
    assert found.outcome == "inconclusive"


def one(outcome: str, *, advisory: bool = False) -> Comparison:
    made = compare("x", "accuracy", TRUTH, answers(), answers(), Margin(drop=0.02), DeploymentSettings())
    return made.model_copy(update={"outcome": outcome, "advisory": advisory})


@pytest.mark.parametrize(("outcomes", "whole"), [
    (("pass", "pass"), "pass"), (("pass", "inconclusive"), "inconclusive"), (("inconclusive", "pass"), "inconclusive"),
    (("fail", "inconclusive"), "fail"), (("inconclusive", "fail"), "fail"),
])
def test_only_all_passes_are_a_pass(outcomes: tuple[str, str], whole: str) -> None:
    assert outcome_of(tuple(one(outcome) for outcome in outcomes)) == whole


def test_nothing_that_must_pass_is_no_pass() -> None:
    assert outcome_of(()) == "inconclusive"
    assert outcome_of((one("pass", advisory=True),)) == "inconclusive"


def seldom(metric: str, wrong: int) -> tuple[Answers, Answers, Answers]:
    """170 rows that a champion answers rightly; the candidate answers the first rows of the rarer class wrongly."""
    truth = (np.arange(170) < 8).astype(np.int64)
    sure = np.eye(2)[truth].astype(np.float32)
    theirs = sure.copy()
    theirs[:wrong] = 1 - theirs[:wrong]
    return truth, sure, theirs


@pytest.mark.parametrize(("metric", "margin"), [("brier", 0.01), ("log_loss", 0.161), ("balanced_accuracy", 0.1),
                                                ("f1", 0.1), ("roc_auc", 0.2)])
def test_a_rare_and_large_loss_is_feared_though_no_row_shows_it(metric: str, margin: float) -> None:
    """A model that is worse by just the margin often loses none of so few rows: that must not be taken for proof."""
    truth, champion, candidate = seldom(metric, 0)
    found = compare("x", metric, truth, champion, candidate, Margin(drop=margin), DeploymentSettings())
    assert found.drop.value == 0
    assert found.outcome == "inconclusive"


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1", "roc_auc", "brier"])
def test_what_is_feared_is_no_less_than_what_a_row_can_do(metric: str) -> None:
    truth, champion, candidate = seldom(metric, 1)
    one = paired(metric, truth, champion, candidate, Margin(drop=0.1), seed=0)
    none = paired(metric, truth, champion, champion, Margin(drop=0.1), seed=0)
    assert isinstance(none, Differences)
    assert 0 < one.drop <= none.worst / none.rows * (1 + 1e-9)


@pytest.mark.parametrize(("metric", "words"), [("mae", "if no row is worse than those seen"), ("brier", "one-sided")])
def test_a_bound_says_what_it_rests_on(metric: str, words: str) -> None:
    truth = np.arange(150) % 2
    answer = truth.astype(float) if metric == "mae" else np.eye(2)[truth]
    found = compare("x", metric, truth, answer, answer, Margin(drop=0.5), DeploymentSettings())
    assert found.drop.method.endswith(words)


def test_blocks_of_rows_count_as_their_rows() -> None:
    """Two thousand rows are resampled in blocks, and planned with as the two thousand that they are."""
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 2, 2000)
    champion, candidate = (np.eye(2)[truth ^ (generator.random(2000) < 0.1)] for _ in range(2))
    whole = paired("f1", truth, champion, candidate, Margin(drop=0.05), seed=0)
    part = paired("f1", truth[:400], champion[:400], candidate[:400], Margin(drop=0.05), seed=0)
    assert isinstance(whole, Differences)
    assert isinstance(part, Differences)
    assert (whole.rows, part.rows) == (2000, 400)
    assert whole.deviation == pytest.approx(part.deviation, rel=0.2)


def test_an_area_that_hangs_on_one_row_is_told_and_can_be_kept() -> None:
    truth = (np.arange(150) == 7).astype(np.int64)
    answer = np.eye(2)[truth].astype(np.float32)
    found = compare("x", "roc_auc", truth, answer, answer, Margin(drop=0.5), DeploymentSettings())
    assert found.outcome == "inconclusive"
    assert "hangs on a single row" in found.drop.method
    assert Comparison.model_validate_json(found.model_dump_json()) == found
