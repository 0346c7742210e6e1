from tasks.records import Leak, Untrained
from tasks.report import markdown
from tasks.report.page import render


def test_data_says_where_every_row_went(story):
    text = markdown.data_markdown(story.prepared)
    assert "1,797 rows in, 7 put aside" in text
    assert "| quarantine | 7 |" in text


def test_what_may_leak_is_told_with_the_remedy(story):
    assert "may leak" not in markdown.data_markdown(story.prepared)
    leak = Leak(kind="identifier", columns=("n",), saw="'n' numbers the rows", sure="certain", remedy="ignore it")
    prepared = story.prepared.model_copy(update={"leaks": (leak,)})
    assert "| 'n' numbers the rows | certain | ignore it |" in markdown.data_markdown(prepared)
    page = render(story.model_copy(update={"prepared": prepared}))
    assert "&#39;n&#39; numbers the rows" in page
    assert "Ignore it" in page


def test_training_lists_the_best_first_and_names_the_champion(story):
    lines = markdown.training_markdown(story.trained[::-1], "cnn").splitlines()
    assert lines[2].startswith("| **cnn** (champion) | 99.1 % [98.0, 99.8]")
    assert lines[-1].startswith("| constant")


def test_training_names_who_is_left_out_and_why(story):
    failed = Untrained(family="mlp", reason="the loss was <nan>", trials=2)
    assert markdown.training_markdown(story.trained, "cnn", [failed]).endswith(
        "- **mlp** is left out: the loss was \\<nan\\>")


def test_training_lists_the_least_error_first(story):
    models = [t.model_copy(update={"primary": "rmse", "metrics": {"rmse": t.quality}}) for t in story.trained]
    assert markdown.training_markdown(models, "cnn").splitlines()[2].startswith("| constant")


def test_optimization_keeps_the_failed(story):
    text = markdown.optimization_markdown(story.candidates)
    assert "| prune-75-int8 | cnn | prune, then quantize |" in text
    assert "- **cnn-prune-90** failed: pruning left no channel in layer conv2" in text


def test_deployment_has_a_line_for_each_candidate_and_its_fate(story):
    text = markdown.deployment_markdown(story.targets[1], "accuracy")
    assert text.count("| measured |") == 12
    assert "p50 latency up to 9.1 µs, allowed 5 µs" in text
    assert "Nothing released: no candidate fits. The nearest, distill-small," in text


def test_summary_has_a_line_for_each_target(story):
    text = markdown.summary_markdown(story)
    assert [line.split("**")[1] for line in text.splitlines() if line.startswith("- ")] == [
        "cpu-tiny", "cpu-single-core", "cpu-server"]


def test_names_cannot_break_a_table(story):
    hostile = story.candidates[0].model_copy(update={"name": "a|b\n| <b>"})
    line = markdown.optimization_markdown([hostile]).splitlines()[2]
    assert line.replace(r"\|", "").count("|") == 7
    assert r"\<b\>" in line
