import re
from html.parser import HTMLParser

import pytest

from tasks.records import Failed, Miss, Refusal, Untrained
from tasks.report.markdown import deployment_markdown
from tasks.report.page import render
from tasks.report.story import TargetStory
from tasks.report.words import TIMES

HOSTILE = "<script>alert('1')</script>&\"$x$"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(HTMLParser):
    """Reads a page: that every tag is closed in order, its ids, and what it would fetch or run."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.tags, self.fetched, self.faults = [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.note(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.note(tag, attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def note(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.fetched += [v for k, v in attributes if k in ("src", "href", "xlink:href", "action", "data", "srcset")]


def outline(page):
    reader = Outline()
    reader.feed(page)
    reader.close()
    return reader


def test_the_page_is_balanced_and_every_id_is_its_own(page):
    read = outline(page)
    assert read.faults == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))


def test_the_page_fetches_and_runs_nothing(page):
    read = outline(page)
    assert {link[:1] for link in read.fetched} == {"#"}
    assert {link[1:] for link in read.fetched} <= set(read.ids)
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_same_story_gives_the_same_page(story, page):
    assert page == render(story.model_validate_json(story.model_dump_json()))


@pytest.mark.parametrize("fact", [
    "released v3, the pruned and quantized convolutional network (prune-75-int8)",
    f"27.1 {TIMES} smaller and 1.4 {TIMES} faster than the champion unoptimized",
    "98.0 % [96.8, 98.7]", "drop bounded by 1.31 points, margin 2 points", "1,797", "About 820 rows would decide",
    "p50 latency up to 7 µs, allowed 5 µs", "no candidate fits", "label=1", "advisory", "d" * 64,
    "4b7b948", "Intel Xeon 8481C", "shorter than MLPerf", "0f0f-1e1e", "http://127.0.0.1:5000",
    "families: [cnn, mlp, forest", "pixel_0_0: values between 0 and 16", "2 results reused", "training: forest",
    "Confusion matrix", "pruning left no channel", "chosen; certification: inconclusive", "-0.89 points",
    "champion</span>",
])
def test_the_page_tells(page, fact):
    assert fact in page


def test_every_candidate_stands_under_every_target(story, page):
    _, *targets = page.split("<h2 id=\"target-")
    for section in targets:
        assert all(f'<th scope="row">{c.name}' in section for c in story.made)


def test_every_refusal_says_by_how_much_what_was_missed(story, page):
    assert sum(t.refusal is not None for t in story.targets) == 1
    assert page.count("The nearest, distill-small, missed: p50 latency up to 7 µs, allowed 5 µs.") == 2


def test_a_command_in_a_reason_works_as_printed(story):
    target, reason = story.targets[1], "it was rolled back. If it should serve: farrier releases rollback shop"
    refused = target.model_copy(update={"refusal": target.refusal.model_copy(update={"misses": (), "reason": reason})})
    told = story.model_copy(update={"targets": (refused,)})
    runs = ".venv/bin/farrier releases rollback shop"
    assert render(told).count("serve: farrier") == 0
    assert runs in render(told)
    assert runs in deployment_markdown(refused, "accuracy")


def test_a_family_without_a_model_keeps_a_row_with_its_reason(story):
    lost = Untrained(family="mlp", reason="none of 2 trials gave a model", trials=2)
    told = render(story.model_copy(update={"left_out": (lost,)}))
    assert re.search(r'mlp <span class="tag fail">failed</span>.*?none of 2 trials gave a model', told, re.DOTALL)


def test_a_candidate_that_could_not_be_measured_keeps_its_row(story):
    recipe = story.made[0].recipe
    lost = Failed(name="lost-one", recipe=recipe, reason="the runtime refused operator Foo")
    target = story.targets[0]
    told = story.model_copy(update={"targets": (target.model_copy(
        update={"measurements": (*target.measurements, lost)}),)})
    assert re.search(r"lost-one.*?the runtime refused operator Foo", render(told), re.DOTALL)


def test_names_cannot_break_out_of_their_place(story):
    target = story.targets[0]
    hostile = story.model_copy(update={
        "project": HOSTILE, "settings": HOSTILE, "quarantine": {HOSTILE: 1}, "reused": (HOSTILE,),
        "candidates": (Failed(name=HOSTILE, recipe=story.made[0].recipe, reason=HOSTILE),),
        "targets": (target.model_copy(update={
            "name": HOSTILE, "chosen": HOSTILE, "release": None, "verdict": None,
            "measurements": (target.measured[0].model_copy(update={"candidate": HOSTILE}),),
            "refusal": Refusal(target=HOSTILE, nearest=HOSTILE, reason=HOSTILE,
                               misses=(Miss(what=HOSTILE, value=HOSTILE, allowed=HOSTILE),))}),)})
    page = render(hostile)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert outline(page).faults == []


def test_a_target_without_any_decision_is_not_taken_for_a_release(story):
    bare = TargetStory(name="bare", budgets=story.targets[0].budgets, scenario="offline", threads=1, measurements=())
    page = render(story.model_copy(update={"targets": (bare,)}))
    assert "nothing released: no decision was recorded" in page
    assert "released v" not in page


def test_a_run_that_ended_early_still_has_a_page(story):
    early = story.model_copy(update={"trained": (), "champion": "", "candidates": (), "targets": (), "attributions": (),
                                     "confusion": ()})
    assert "No model was trained." in render(early)


def test_a_regression_shows_its_residuals(story):
    pairs = tuple((float(i), i + 0.5) for i in range(40))
    page = render(story.model_copy(update={"confusion": (), "residuals": pairs}))
    assert "answer minus truth" in page
    assert "Confusion matrix" not in page


def test_expectations_that_do_not_hold_are_told_first(story):
    suite = [{"type": "expect_column_values_to_be_between", "kwargs": {"column": column, "max_value": 16},
              "success": holds, "unexpected_count": against} for holds, against, column in
             ((True, 0, "fine"), (False, 1500, "broken"))]
    schema = [{"column": "age", "check": "is no number", "rows": 3, "example": "age: x is no number"}]
    page = render(story.model_copy(update={"expectations": {"suite": suite, "schema": schema}}))
    assert page.index(">broken<") < page.index(">fine<")
    assert "column values to be between (max_value 16)" in page
    assert ">1,500<" in page
    assert "is no number, as in age: x is no number" in page


def test_many_reasons_for_quarantine_are_cut_and_the_commonest_come_first(story):
    reasons = {f"reason {n}": n for n in range(1, 200)}
    page = render(story.model_copy(update={"quarantine": reasons}))
    assert page.index("reason 199<") < page.index("reason 198<")
    assert "reason 100<" not in page
    assert "169 other reasons" in page
