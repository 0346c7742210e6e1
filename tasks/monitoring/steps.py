"""The monitoring stage's steps: policy here, work elsewhere. Each look is a new one, so none is reused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tasks.caching import unrecorded
from tasks.monitoring import watching
from tasks.monitoring.settings import MonitoringSettings
from tasks.records import Release
from tasks.store import Store


@unrecorded(name="watch", task_run_name="watch {release.target}")
def watch(release: Release, settings: MonitoringSettings, since: datetime | None) -> watching.Finding:
    """Compare what a release was asked with what it was trained on."""
    return watching.watch(release, settings, Store(), at=datetime.now(UTC), since=since)


@unrecorded(name="keep", task_run_name="keep {finding.target}")
def keep(finding: watching.Finding) -> Path | None:
    """Write the table and the picture where people find them."""
    return watching.keep(finding)
