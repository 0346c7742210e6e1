import pytest

from tasks.records import Budgets, Miss
from tasks.report import sentences
from tasks.report.words import TIMES


def test_gains_are_against_the_champion_unoptimized_on_the_same_target(story):
    target = story.targets[0]
    assert sentences.baseline(story, target).candidate == "keep"
    assert sentences.gained(story, target, target.measurement("keep-forest")) == (
        f"6.7 {TIMES} larger and 3 {TIMES} slower than the champion unoptimized")
    assert sentences.gained(story, target, target.measurement("keep")) == ""


def test_gains_are_not_claimed_where_the_champion_was_not_measured(story):
    target = story.targets[0]
    alone = target.model_copy(update={"measurements": (target.measurement("prune-50"),)})
    assert sentences.gained(story, alone, alone.measured[0]) == ""


@pytest.mark.parametrize(("target", "candidate", "fate"), [
    (0, "prune-75-int8", "released v3"), (0, "keep", "size 431 kB, allowed 20 kB"),
    (2, "prune-50", "fits; another costs less"),
    (2, "cnn-int8", "fits; another is as good or better in everything"),
    (1, "keep-forest", "p50 latency up to 94 µs, allowed 5 µs"),
    (2, "distill-small", "chosen; certification: inconclusive"), (2, "unheard-of", "no decision recorded"),
])
def test_fate(story, target, candidate, fate):
    assert sentences.fate(story.targets[target], candidate) == fate


def test_a_refusals_nearest_keeps_its_misses_where_no_others_were_kept(story):
    target = story.targets[1].model_copy(update={"misses": {}})
    assert sentences.fate(target, "distill-small") == "p50 latency up to 7 µs, allowed 5 µs"


def test_a_refused_candidate_of_which_nothing_else_is_known_did_not_fit(story):
    assert sentences.fate(story.targets[1].model_copy(update={"misses": {}}), "keep") == "did not fit"


def test_a_drop_reads_in_points_where_the_metric_is_known(story):
    drop = (Miss(what="bound of the drop", value=0.0441, allowed=0.02),
            Miss(what="planned power", value=0.005, allowed=0.8))
    target = story.targets[2].model_copy(update={"misses": {"keep": drop}})
    assert sentences.fate(target, "keep", "accuracy") == (
        "bound of the drop 4.41 points, allowed 2 points; planned power 0%, at least 80%")


def test_a_tie_is_called_so(story):
    tied = story.targets[2].model_copy(update={"standing": {"prune-50": "tied"}})
    assert sentences.fate(tied, "prune-50") == "fits; as cheap as the chosen one, which is smaller or simpler"


def test_a_release_that_broke_off_gives_its_reason(story):
    refusal = story.targets[1].refusal.model_copy(update={"misses": (), "reason": "golden row 3 differs"})
    assert "nothing released: golden row 3 differs." in sentences.outcome(
        story.targets[0].model_copy(update={"release": None, "refusal": refusal}))


@pytest.mark.parametrize(("likely", "way_out"), [(0.004, "again with --from deployment"), (None, "Raise the budget")])
def test_a_refusal_tells_the_way_out(story, likely, way_out):
    miss = Miss(what="latency_p50_ms", value=0.007, allowed=0.005, likely=likely)
    refusal = story.targets[1].refusal.model_copy(update={"misses": (miss,)})
    told = sentences.outcome(story.targets[1].model_copy(update={"refusal": refusal}))
    assert way_out in told


def test_where_only_rows_are_too_few_no_budget_is_to_be_raised(story):
    miss = Miss(what="planned power", value=0.62, allowed=0.8)
    refusal = story.targets[1].refusal.model_copy(update={"misses": (miss,)})
    told = sentences.outcome(story.targets[1].model_copy(update={"refusal": refusal}))
    assert "give more rows, or a wider margin. Whatever served before still serves." in told
    assert "budget" not in told


def test_a_slice_that_blocks_is_named(story):
    verdict = story.targets[0].verdict
    blocked = verdict.model_copy(update={"outcome": "fail", "slices": (
        verdict.slices[0].model_copy(update={"outcome": "fail"}), verdict.slices[1])})
    assert sentences.certified(blocked).endswith("Slices that did not pass: label=8.")


def test_a_champion_that_is_not_the_very_best_is_told_as_the_smallest_of_the_tied(story):
    assert "were trained; the best is cnn: accuracy" in sentences.trained(story)
    told = sentences.trained(story.model_copy(update={"champion": "forest"}))
    assert "of those that the rows do not tell from the best, cnn with " in told
    assert ", the smallest is forest: accuracy" in told


def test_budgets_read_as_limits():
    limits = Budgets(throughput_per_s=9000, memory_bytes=64_000_000, cpu_s_per_1000=0.05)
    assert sentences.budgets(limits) == (
        "throughput at least 9,000 /s; memory at most 64 MB; CPU time per 1,000 at most 50 ms")
    assert sentences.budgets(Budgets()) == "none"


def stopped(story):
    """The first target's release, with another candidate that the gate stopped before it."""
    target = story.targets[0]
    first = story.targets[2].verdict
    return target.model_copy(update={"tried": (first, target.release.verdict)})


def test_who_was_stopped_at_the_gate_is_told_where_another_was_released(story):
    target = stopped(story)
    assert target.tried[0].candidate != target.release.candidate
    assert sentences.fate(target, target.tried[0].candidate) == "tried at the gate; certification: inconclusive"
    assert sentences.fate(target, target.release.candidate) == "released v3"
    for text in (sentences.outcome(target), sentences.decided(story, target)):
        assert text.startswith(f"{target.tried[0].candidate}, chosen first, was not certified (inconclusive: on ")
        assert "; released v3" in text


def test_what_served_before_the_run_is_not_told_as_released_by_it(story):
    target = story.targets[0].model_copy(update={"served_since": "2026-02-28T12:00:00+00:00"})
    for text in (sentences.outcome(target), sentences.decided(story, target)):
        assert text.startswith("unchanged: v3 serves since 2026-02-28 12:00:00 UTC, ")
    assert sentences.fate(target, target.release.candidate) == "serves as v3"


@pytest.mark.parametrize(("times", "words"), [(1, "used once"), (2, "used for 2 candidates in turn")])
def test_how_often_the_test_rows_were_used_is_said(story, times, words):
    target = stopped(story)
    told = " ".join(sentences.evidence(target.model_copy(update={"tried": target.tried[-times:]})))
    assert words in told


def test_a_drop_without_a_bound_is_told_without_a_number(story):
    overall = story.targets[0].verdict.overall
    open_ = overall.model_copy(update={"drop": overall.drop.model_copy(update={"high": 1.7e308})})
    assert "; so few rows bound no drop, margin 2 points." in sentences.compared(open_)
