"""What a run came to, for people and for scripts."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from tasks.calling import command
from tasks.records import Measurement
from tasks.report import sentences, words

WIDE = 120  # columns: in a narrower terminal a verdict has no room beside the numbers

if TYPE_CHECKING:
    from conf.settings import Settings
    from flows.chronicle import Outcome
    from flows.deployment import Deployed
    from flows.run import Summary


def show(outcome: Outcome, *, json: bool, waited_s: float | None = None) -> None:
    """Print the tables, what was decided, and what to do next; or all of it as JSON.

    waited_s: from the command to its end, as whoever called it waited; the pipeline's own seconds where it is not said.
    """
    if json:
        print(outcome.summary.model_dump_json(indent=1))
        return
    console = Console(width=None if Console().is_terminal else 160)
    metric = outcome.trained.champion.primary if outcome.trained else ""
    for each in outcome.deployed:
        _print_candidates(each, metric, console)
        console.print(sentences.outcome(each.story, metric), highlight=False, soft_wrap=True)
        console.print()
    for leak in outcome.prepared.leaks if outcome.prepared else ():
        console.print(f"may leak ({leak.sure}): {leak.saw}. To mend it: {leak.remedy}", style="yellow", markup=False,
                      highlight=False, soft_wrap=True)
    _closing(outcome, console, waited_s)


def show_plan(settings: Settings, *, json: bool) -> int:
    """Print what a run would do, having checked that it can."""
    from flows.checking import check

    recipes = check(settings)
    if json:
        print(settings.model_dump_json(indent=1))
        return 0
    console = Console()
    console.print(f"{settings.project}: {settings.data.source.canonical()}", highlight=False)
    console.print(f"training      {', '.join(family.kind for family in settings.training.families)}", highlight=False)
    console.print(f"optimization  {', '.join(recipe.name for recipe in recipes)}", highlight=False, soft_wrap=True)
    console.print(f"deployment    {', '.join(target.name for target in settings.targets)}", highlight=False)
    console.print(f"Nothing was run. To run it: {command()} run {settings.project}", highlight=False)
    return 0


def _print_candidates(each: Deployed, metric: str, console: Console) -> None:
    """The table of a target's candidates; where the terminal is narrow, the verdicts stand under it."""
    narrow = console.width < WIDE
    console.print(_table(each, metric, narrow=narrow))
    if narrow:
        for name, verdict in _verdicts(each, metric).items():
            console.print(f"{name:<16} {verdict}", highlight=False, markup=False, soft_wrap=True)
        console.print()


def _table(each: Deployed, metric: str, *, narrow: bool) -> Table:
    story, verdicts = each.story, _verdicts(each, metric)
    title = f"{story.name}: {words.name_of(story.scenario)}, {story.threads} thread(s)"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for name in ("candidate", f"{metric},\nvalidation"):
        table.add_column(name, no_wrap=True)
    for name in ("p50", "p99", "rows/s,\nbatched", "size", *(() if narrow else ("cpu s/1,000",))):
        table.add_column(name, justify="right", no_wrap=True)
    if not narrow:
        table.add_column("verdict")
    shown = len(table.columns)
    for row in sorted(story.measured, key=lambda row: row.cpu_s_per_1000.value):
        table.add_row(*(*_cells(row, metric), verdicts[row.candidate])[:shown],
                      style="bold green" if story.release and story.release.candidate == row.candidate else "")
    for failed in story.failed:
        table.add_row(*(failed.name, "", "", "", "", "", "", verdicts[failed.name])[:shown], style="dim")
    return table


def _verdicts(each: Deployed, metric: str) -> dict[str, str]:
    """What became of each candidate, the cheapest first."""
    measured = sorted(each.story.measured, key=lambda row: row.cpu_s_per_1000.value)
    return {row.candidate: sentences.fate(each.story, row.candidate, metric) for row in measured} | {
        failed.name: failed.reason.splitlines()[0][:80] for failed in each.story.failed}


def _cells(row: Measurement, metric: str) -> tuple[str, ...]:
    return (row.candidate, words.quality(row.quality, metric), words.milliseconds(row.latency_p50_ms.value),
            words.milliseconds(row.latency_p99_ms.value), f"{row.throughput_per_s.value:,.0f}",
            words.size(row.size_bytes), words.number(row.cpu_s_per_1000.value))


def _closing(outcome: Outcome, console: Console, waited_s: float | None) -> None:
    summary = outcome.summary
    status = "nothing changed" if summary.status == "unchanged" else summary.status
    console.print(f"{summary.project}: {status} in {_seconds(summary, waited_s)}; "
                  f"{words.counted(summary.made, 'result')} made, {summary.reused} reused", highlight=False)
    if summary.report:
        console.print(f"report  {_near(summary.report)}", highlight=False, soft_wrap=True)
    console.print("\nNext:", highlight=False)
    for purpose, text in _next_commands(outcome):
        console.print(f"  {purpose:<24} {text}", highlight=False, soft_wrap=True)


def _seconds(summary: Summary, waited_s: float | None) -> str:
    """The whole time, and how much of it went to what is no part of the pipeline."""
    if waited_s is None or (beside := waited_s - summary.seconds) < 1:
        return f"{summary.seconds:.0f} s"
    return f"{waited_s:.0f} s ({beside:.0f} s of them for the servers to start and stop)"


def _next_commands(outcome: Outcome) -> list[tuple[str, str]]:
    project, farrier = outcome.summary.project, command()
    released = outcome.summary.releases
    predict = [("predict", f"{farrier} predict {project} {_try_out(outcome)} --target {released[0].target}")
               ] if released else []
    return [("browse the experiments", f"{farrier} ui"), *predict,
            ("use your own data", f"{farrier} new NAME --data FILE --target COLUMN")]


def _try_out(outcome: Outcome) -> str:
    """The rows that lie beside a run's report; a name to replace where there is none."""
    report = outcome.summary.report
    return shlex.quote(_near(str(Path(report).with_name("rows.csv")))) if report else "ROWS.csv"


def _near(path: str) -> str:
    near = os.path.relpath(path)
    return near if not near.startswith("..") else str(Path(path))
