"""What a release was asked lately against what it was trained on: the rows of its log, its own profile, one finding."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from pydantic import Field

from serving.package import MANIFEST, PROFILE
from tasks.calling import as_called
from tasks.data.features import typed
from tasks.monitoring.drift import compare
from tasks.monitoring.log import MARK, window
from tasks.monitoring.picture import as_markdown, figure
from tasks.monitoring.settings import MonitoringSettings
from tasks.records import Drift, Record, Release, Schema
from tasks.store import Store, state, whole_or_nothing

STAMP = "%Y%m%dT%H%M%SZ"


class Finding(Record):
    """One look at one target's log; without `drift` there were too few rows to say anything."""

    project: str
    target: str
    version: int
    package: str = Field(description="sha256 of the release's package")
    at: datetime
    rows: int
    least_rows: int
    first: datetime | None = Field(None, description="when the oldest of these rows was asked")
    last: datetime | None = None
    drift: Drift | None = None

    @property
    def drifted(self) -> bool:
        return self.drift is not None and self.drift.drifted

    @property
    def stamp(self) -> str:
        """The moment of the look, as its files are named."""
        return self.at.astimezone(UTC).strftime(STAMP)


def watch(release: Release, settings: MonitoringSettings, store: Store, *, at: datetime,
          since: datetime | None = None) -> Finding:
    """Compare the latest rows that a release answered since a moment with those that it was trained on.

    Raises CorruptedArtifact where the package is not what was released.
    """
    asked = window(release.project, release.target, since, rows=settings.rows, version=release.version)
    about = Finding(project=release.project, target=release.target, version=release.version, at=at, rows=len(asked),
                    package=release.package.sha256, least_rows=settings.least_rows)
    if len(asked) < settings.least_rows:
        return about
    folder = store.fetch(release.package)
    schema = Schema.model_validate(json.loads((folder / MANIFEST).read_bytes())["schema"])
    profile = json.loads((folder / PROFILE).read_bytes())
    drift = compare(profile, typed(asked, schema), false_alarm_rate=settings.false_alarm_rate)
    return about.model_copy(update={"drift": drift, **_span(asked)})


def _span(asked: pd.DataFrame) -> dict[str, datetime]:
    moments = asked[MARK + "at"]
    return {"first": moments.min().to_pydatetime(), "last": moments.max().to_pydatetime()}


def told(finding: Finding) -> str:
    """The finding in Markdown: whose rows, since when, and every question that was asked."""
    head = f"## {finding.project} for {finding.target}, v{finding.version}\n\n"
    if finding.drift is None:
        return head + as_called(
            f"{finding.rows:,} rows of this release are logged, and {finding.least_rows:,} are needed to say anything. "
            f"To log some: `farrier predict {finding.project} FILE --target {finding.target} --log`\n")
    asked = f"Asked from {finding.first:%Y-%m-%d %H:%M} to {finding.last:%Y-%m-%d %H:%M} UTC."
    return f"{head}{asked}\n\n{as_markdown(finding.drift)}"


def keep(finding: Finding) -> Path | None:
    """Write the finding, its table and its picture under the home's state/monitoring; returns the table's file.

    Nothing is kept of a look that had too few rows.
    """
    if finding.drift is None:
        return None
    folder = state("monitoring", finding.project, finding.target)
    picture = f"{finding.stamp}.svg"
    texts = {f"{finding.stamp}.json": finding.model_dump_json(indent=1), picture: figure(finding.drift),
             f"{finding.stamp}.md": f"{told(finding)}\n![drift]({picture})\n"}
    for name, text in texts.items():
        with whole_or_nothing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return folder / f"{finding.stamp}.md"
