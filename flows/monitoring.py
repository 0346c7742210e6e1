"""The monitoring stage: what releases were asked, against what they were trained on. It runs on its own clock."""

from __future__ import annotations

import re
from datetime import datetime

from prefect import flow

from conf.settings import Settings
from flows import publishing
from flows.recording import post
from tasks.entries import Attachment, Entry
from tasks.monitoring.picture import figure, nearest_first
from tasks.monitoring.steps import keep, watch
from tasks.monitoring.watching import Finding, told
from tasks.records import Drift, Release
from tasks.telling import heard

MOST_METRICS = 300  # of one entry, those nearest to alarm: MLflow takes a thousand at a time
UNFIT = re.compile(r"[^\w.\- ]")  # signs that MLflow does not take in a metric's name


@flow(name="monitoring", flow_run_name="monitoring {settings.project}")
def monitoring(settings: Settings, releases: tuple[Release, ...], since: datetime | None = None) -> tuple[Finding, ...]:
    """Look at each release's log: has what it is asked moved away from what it was trained on?"""
    with heard(publishing.Logs()):
        findings = tuple(watch(release, settings.monitoring, since) for release in releases)
        for finding in findings:
            keep(finding)
    publishing.markdown("monitoring", "\n\n".join(map(told, findings)))
    if entries := [entry(finding, finding.drift) for finding in findings if finding.drift is not None]:
        post(settings.tracking.uri, entries)
    return findings


def entry(finding: Finding, drift: Drift) -> Entry:
    """The MLflow run of one look: every question's value, the table and the picture."""
    at_ms = int(finding.at.timestamp() * 1000)
    return Entry(
        key=f"monitoring/{finding.project}/{finding.target}/{finding.stamp}", experiment=finding.project,
        name=f"monitoring {finding.target}", started_ms=at_ms, ended_ms=at_ms,
        params={"target": finding.target, "version": str(finding.version), "package": finding.package,
                "false_alarm_rate": f"{drift.false_alarm_rate:g}"},
        metrics={"rows": float(drift.rows), "drifted": float(drift.drifted),
                 "alarms": float(sum(column.drifted for column in drift.columns)), **_values(drift)},
        tags={"farrier.kind": "monitoring", "farrier.stage": "monitoring", "farrier.target": finding.target,
              "farrier.package": finding.package, "farrier.drifted": str(drift.drifted).lower(),
              "farrier.flow_run": publishing.flow_run_id(), "farrier.flow_run_url": publishing.flow_run_url()},
        attachments=(Attachment(name="monitoring/drift.md", text=told(finding)),
                     Attachment(name="monitoring/drift.svg", text=figure(drift))))


def _values(drift: Drift) -> dict[str, float]:
    """Each question's value under column/statistic."""
    return {f"{UNFIT.sub('_', column.column)[:200]}/{column.statistic}": column.value
            for column in nearest_first(drift)[:MOST_METRICS]}
