"""`farrier monitor`: has what a release is asked moved away from what it was trained on?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tasks.errors import SettingsError

if TYPE_CHECKING:
    from conf.settings import Settings
    from tasks.monitoring.watching import Finding
    from tasks.records import Release

FINE, DRIFTED = 0, 3
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SHOWN = 20  # questions; the file holds them all


def monitor(
    project: str, /, *,
    target: str | None = None,
    since: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare what a release was asked with what it was trained on.

    Reads the log that `farrier predict --log` keeps. The table and its picture are kept under
    FARRIER_HOME/state/monitoring, in Prefect and in MLflow. Exit codes: 0 nothing moved, or too few rows are logged to
    tell; 1 failed; 2 usage; 3 drifted.

    Examples
    --------
      farrier monitor churn
      farrier monitor churn --target cpu-tiny --since 7d
      farrier monitor churn --since 2026-03-01 --json

    Parameters
    ----------
    project
        A project that has released.
    target
        One target; every released one when none is named.
    since
        Only rows asked since then: so long ago, as 30m, 24h, 7d or 2w, or a date or time in UTC.
    json
        Print the findings as JSON.

    """
    from conf.settings import load
    from farrier.known import must_be_a_target, served
    from tasks.deployment.releasing import released

    begin = moment(since, now=datetime.now(UTC)) if since else None
    settings = load(project)
    must_be_a_target(target, project)
    releases = released(project, target) or (served(project, target),)
    findings = _monitored(settings, releases, begin)
    _show(findings, json=json)
    return DRIFTED if any(finding.drifted for finding in findings) else FINE


def moment(text: str, *, now: datetime) -> datetime:
    """A moment as people say it: so long before now, or a date or a time, in UTC where it names no zone.

    >>> moment("24h", now=datetime(2026, 3, 2, tzinfo=UTC)).isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    ago = re.fullmatch(r"(\d{1,6})\s*([mhdw])", text.strip())
    try:
        if ago:
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise SettingsError(f"--since {text}: write how long ago, as 30m, 24h, 7d or 2w, or a date, as 2026-03-01, or "
                            f"a time, as 2026-03-01T12:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _monitored(settings: Settings, releases: tuple[Release, ...], since: datetime | None) -> tuple[Finding, ...]:
    from flows.server import prefect_server

    with prefect_server(_import):
        from flows.monitoring import monitoring
        from flows.publishing import logs_delivered

        with logs_delivered():
            return monitoring(settings, releases, since)


def _import() -> None:
    """Load what the flow needs while the server comes up."""
    import flows.monitoring  # noqa: F401


def _show(findings: Sequence[Finding], *, json: bool) -> None:
    if json:
        print("[" + ",\n".join(finding.model_dump_json(indent=1) for finding in findings) + "]")
        return
    for finding in findings:
        _show_one(finding)


def _show_one(finding: Finding) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from farrier.screen import console
    from tasks.calling import command
    from tasks.monitoring.picture import nearest_first
    from tasks.store import state

    out = console()
    where = f"{finding.project} for {finding.target}, v{finding.version}"
    if finding.drift is None:
        out.print(f"{where}: {finding.rows:,} rows are logged, and {finding.least_rows:,} are needed to say anything. "
                  f"To log some: {command()} predict {finding.project} FILE --target {finding.target} --log",
                  markup=False, soft_wrap=True)
        return
    alarms = sum(column.drifted for column in finding.drift.columns)
    out.print(f"{where}: {f'drifted, {alarms} alarms' if finding.drifted else 'no drift'} in {finding.rows:,} rows",
              style="red" if finding.drifted else "green", markup=False, soft_wrap=True)
    table = Table("column", "statistic", "value", "threshold", "drifted", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in nearest_first(finding.drift)[:SHOWN]:
        table.add_row(escape(one.column), one.statistic, f"{one.value:.4g}", f"{one.threshold:.4g}",
                      "yes" if one.drifted else "no")
    out.print(table)
    kept = state("monitoring", finding.project, finding.target) / f"{finding.stamp}.md"
    out.print(f"Kept: {kept}", markup=False, soft_wrap=True)
    if finding.drifted:
        out.print(f"Look at the rows; to train on newer ones: {command()} run {finding.project}", markup=False,
                  soft_wrap=True)
