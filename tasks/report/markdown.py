"""Each stage's result as Markdown, for Prefect's UI and MLflow: the report's facts without its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.calling import as_called
from tasks.escaping import plain
from tasks.records import Candidate, Failed, PreparedData, TrainedModel, Untrained
from tasks.report import sentences, words
from tasks.report.story import Story, TargetStory


def data_markdown(prepared: PreparedData) -> str:
    """Where the rows went and what the columns are."""
    schema, rows = prepared.data_schema, prepared.rows
    parts = [[name, f"{count:,}"] for name, count in rows]
    what = (f"**{plain(schema.target.name)}** ({schema.task}) from {words.counted(len(schema.features), 'feature')}; "
            f"{words.counted(rows.total, 'row')} in, {rows.quarantine:,} put aside.")
    origin = f"Snapshot sha256 `{prepared.snapshot.sha256}`, salt {plain(prepared.salt)}."
    found = [[plain(leak.saw), leak.sure, plain(leak.remedy)] for leak in prepared.leaks]
    suspect = [table(["may leak", "how sure", "what to set"], found)] if found else []
    return "\n\n".join([what, table(["part", "rows"], parts), *suspect, origin])


def training_markdown(trained: Sequence[TrainedModel], champion: str, left_out: Sequence[Untrained] = ()) -> str:
    """The leaderboard: every family's best by the metric that decides, with its interval; and who is left out."""
    ordered = sorted(trained, key=lambda t: (-words.better(t.primary) * t.quality.value, t.family))
    lines = [[f"**{plain(t.family)}** (champion)" if t.family == champion else plain(t.family),
              words.quality(t.quality, t.primary), words.size(t.model.size_bytes), str(t.trials)] for t in ordered]
    metric = ordered[0].primary.replace("_", " ") if ordered else "quality"
    failed = [f"- **{plain(each.family)}** is left out: {plain(as_called(each.reason))}" for each in left_out]
    return "\n\n".join([table(["family", metric, "size", "trials"], lines), *(["\n".join(failed)] if failed else [])])


def optimization_markdown(candidates: Sequence[Candidate | Failed]) -> str:
    """What each recipe made, and why those failed that did."""
    made = [[plain(c.name), plain(c.family), plain(sentences.chain(c.recipe)), str(c.quality), words.size(c.size_bytes),
             f"{c.parity.largest_difference:.1e}"] for c in candidates if isinstance(c, Candidate)]
    failed = [f"- **{plain(c.name)}** failed: {_reason(c)}" for c in candidates if isinstance(c, Failed)]
    listed = table(["candidate", "from", "techniques", "quality", "size", "largest difference from its model"], made)
    return "\n\n".join([listed, *(["\n".join(failed)] if failed else [])])


def deployment_markdown(target: TargetStory, metric: str) -> str:
    """A target's candidates as measured, and what was decided about each."""
    lines = [[str(n), f"**{plain(m.candidate)}**" if m.candidate == target.chosen else plain(m.candidate),
              words.quality(m.quality, metric), words.milliseconds(m.latency_p50_ms.value),
              words.milliseconds(m.latency_p99_ms.value), words.rate(m.throughput_per_s.value),
              words.size(m.size_bytes), m.evidence, plain(sentences.fate(target, m.candidate, metric))]
             for n, m in enumerate(target.measured, 1)]
    lines += [["", plain(f.name), "", "", "", "", "", "", f"failed: {_reason(f)}"] for f in target.failed]
    heads = ["#", "candidate", metric.replace("_", " "), "p50", "p99", "throughput", "size", "evidence", "decision"]
    return "\n\n".join([f"### {plain(target.name)}", f"Budgets: {plain(sentences.budgets(target.budgets))}.",
                        f"{sentences.capitalized(plain(sentences.outcome(target, metric)))}", table(heads, lines)])


def summary_markdown(story: Story) -> str:
    """What was asked and decided, a line for each target."""
    decided = [f"- **{plain(t.name)}**: {plain(sentences.decided(story, t))}" for t in story.targets]
    reused = [f"Reused: {plain(words.listed(story.reused))}."] if story.reused else []
    return "\n\n".join([f"## {plain(story.project)}", plain(sentences.asked(story)), plain(sentences.trained(story)),
                        "\n".join(decided), *reused])


def _reason(failed: Failed) -> str:
    return plain(as_called(failed.reason))


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are taken as they are.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *lines))
