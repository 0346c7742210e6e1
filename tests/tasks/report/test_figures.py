from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from tasks.records import Budgets, Estimate
from tasks.report import figures, pareto

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture):
    return ET.fromstring(picture)  # noqa: S314


def texts(picture):
    return [element.text for element in parsed(picture).iter(f"{SVG}text")]


def with_quality(target, value):
    bad = Estimate(value=value, low=value, high=value, method="none", n=1)
    return target.model_copy(update={"measurements": (target.measured[0].model_copy(update={"quality": bad}),)})


def test_a_picture_says_in_words_what_it_shows(story):
    root = parsed(figures.pareto(story.targets[0], "accuracy"))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Quality against latency on cpu-tiny"
    assert "8: prune-75-int8" in root.find(f"{SVG}desc").text
    assert "Chosen: prune-75-int8." in root.find(f"{SVG}desc").text


def test_pareto_marks_the_chosen_one_the_budget_and_the_margin(story):
    written = texts(figures.pareto(story.targets[0], "accuracy", champion=0.9911))
    assert {"prune-75-int8", "budget 50 µs", "margin", "p50 latency (log scale)", "1", "12"} <= set(written)
    assert "margin" not in texts(figures.pareto(story.targets[0], "accuracy"))


def test_pareto_shows_the_latency_that_has_a_budget(story):
    assert "p99 latency (log scale)" in texts(figures.pareto(story.targets[2], "accuracy"))


def test_pareto_leaves_out_what_is_not_a_number(story):
    picture = figures.pareto(with_quality(story.targets[0], float("nan")), "accuracy")
    assert "no candidate was measured" in picture


@pytest.mark.parametrize(("metric", "least", "side"), [("accuracy", 97.0, -1), ("rmse", 0.99, 1)])
def test_pareto_shades_what_is_worse_than_the_margin(story, metric, least, side):
    verdict = story.targets[0].verdict
    margin = verdict.overall.model_copy(update={"margin": 0.02})
    target = story.targets[0].model_copy(update={"verdict": verdict.model_copy(update={"overall": margin}),
                                                 "budgets": Budgets()})
    axes = Figure().subplots()
    pareto.draw(axes, target, metric, champion=least / 100 + 0.02 if metric == "accuracy" else least - 0.02)
    (shade,) = axes.patches
    ends = sorted([shade.get_y(), shade.get_y() + shade.get_height()])
    assert ends[side < 0] == pytest.approx(least)


def test_a_picture_styles_nothing_but_itself(story):
    assert "<style" not in figures.pareto(story.targets[0], "accuracy")


def test_colors_are_the_pages_own_and_never_the_stand_ins(story):
    picture = figures.pareto(story.targets[0], "accuracy", champion=0.9911)
    assert "#0102" not in picture
    assert "#000000" not in picture
    assert "#ffffff" not in picture
    assert {"var(--ink", "var(--good", "var(--limit"} <= set(picture.replace(",", " ").split())


def test_confusion_writes_every_count(story):
    classes = story.prepared.data_schema.classes
    picture = figures.confusion(story.confusion, classes)
    assert texts(picture).count("44") == 4
    assert "2 of 448 rows were answered with another class." in picture


def test_confusion_of_many_classes_stays_readable():
    picture = figures.confusion(np.eye(45, dtype=int).tolist(), [f"a rather long class name {i}" for i in range(45)])
    assert len(texts(picture)) < 60


def test_names_are_written_as_they_are_in_any_script():
    assert {"猫", "$x$"} <= set(texts(figures.confusion([[3, 1], [0, 4]], ["猫", "$x$"])))


@pytest.mark.parametrize("pairs", [[], [(1.0, 2.0)], [(float("nan"), 1.0), (0.0, 0.0)]])
def test_residuals_take_few_rows(pairs):
    assert "answer minus truth" in texts(figures.residuals(pairs))


def test_residuals_of_many_rows_stay_small():
    pairs = np.random.default_rng(0).normal(size=(20_000, 2))
    assert len(figures.residuals([tuple(p) for p in pairs.tolist()])) < 200_000
