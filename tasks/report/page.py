"""The report as one HTML file that needs nothing else: no network, no script, light or dark, wide or on a phone."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.calling import as_called
from tasks.records import TrainedModel
from tasks.report import expectations, figures, sentences, words
from tasks.report.story import Story, TargetStory

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent
CLASSES_SHOWN, REASONS_SHOWN = 60, 30


def render(story: Story) -> str:
    """The story as an HTML page; the same story gives the same bytes."""
    from markupsafe import Markup

    def pareto(target: TargetStory) -> Markup:
        champion = story.champion_model
        return Markup(figures.pareto(target, story.metric, champion.quality.value if champion else None))  # noqa: S704

    return _template().render(
        story=story, w=words, s=sentences, metric=story.metric.replace("_", " "), pareto=pareto,
        style=Markup((HERE / "style.css").read_text("utf-8")),  # noqa: S704
        answers=Markup(_answers(story)),  # noqa: S704
        rows=_rows(story), kept=story.prepared.rows.total - story.prepared.rows.quarantine,
        reasons=_reasons(story), metrics=_metrics(story), leaderboard=_leaderboard(story), lineage=_lineage(story),
        expectations=expectations.read(story.expectations))


@cache
def _template() -> Template:
    """The page's template; everything that is put in is escaped, and a name that is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True)
    environment.filters["capitalized"] = sentences.capitalized
    environment.filters["as_called"] = as_called
    return environment.get_template("page.html.jinja")


def _answers(story: Story) -> str:
    """Where the answers go wrong: a confusion matrix, residuals, or nothing."""
    classes = story.prepared.data_schema.classes
    if story.confusion and len(classes) <= CLASSES_SHOWN:
        return figures.confusion(story.confusion, classes)
    return figures.residuals(story.residuals) if story.residuals else ""


def _rows(story: Story) -> list[tuple[str, int]]:
    rows = story.prepared.rows
    return [("rows in", rows.total), ("train", rows.train), ("validation", rows.validation), ("test", rows.test),
            ("put aside", rows.quarantine)]


def _reasons(story: Story) -> list[tuple[str, int]]:
    """Why rows were put aside, the commonest first; what is rare is counted together."""
    ordered = sorted(story.quarantine.items(), key=lambda reason: (-reason[1], reason[0]))
    shown, rest = ordered[:REASONS_SHOWN], ordered[REASONS_SHOWN:]
    return [*shown, (words.counted(len(rest), "other reason"), sum(count for _, count in rest))] if rest else shown


def _metrics(story: Story) -> list[str]:
    """All metrics by name, the one that decides first."""
    names = {name for model in story.trained for name in model.metrics}
    return sorted(names, key=lambda name: (name != story.metric, name))


def _leaderboard(story: Story) -> list[TrainedModel]:
    return sorted(story.trained, key=lambda t: (-words.better(story.metric) * t.quality.value, t.family))


def _lineage(story: Story) -> list[tuple[str, str]]:
    """Where the results come from; what is not known is left out."""
    lineage, prepared = story.lineage, story.prepared
    named = [("Data (sha256)", lineage.data_digest or prepared.snapshot.sha256), ("Code (commit)", lineage.code_commit),
             ("Settings (sha256)", lineage.settings_digest), ("MLflow run", lineage.mlflow_run),
             ("MLflow page", lineage.mlflow_url), ("Prefect flow run", lineage.prefect_run)]
    packages = [(f"Package {t.name} v{t.release.version} (sha256)", t.release.package.sha256)
                for t in story.targets if t.release]
    return [(name, value) for name, value in [*named, *packages] if value]
