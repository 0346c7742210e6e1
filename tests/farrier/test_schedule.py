"""Schedules as people read them: how often in words, the next time in their own zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from farrier import schedule
from flows.scheduling import Scheduled, due


@pytest.fixture
def kathmandu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone that no machine is in by chance."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_next_time_stands_in_the_readers_zone(kathmandu: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = [Scheduled(project="digits", name="interval", when="every 6 hours", active=True,
                       next="2026-03-01T12:00:00+00:00"),
             Scheduled(project="digits", name="cron", when="cron 0 3 * * * (UTC)", active=False)]
    schedule._show(found, None, json=False)
    lines = capsys.readouterr().out.splitlines()
    assert next(line.split("  ") for line in lines if "every 6 hours" in line)
    assert "2026-03-01 17:45:00 +0545" in "".join(lines)
    assert next(line for line in lines if "cron 0 3" in line).split()[-1] == "paused"


def test_an_interval_is_due_by_when_it_was_given() -> None:
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=7)
    assert due(IntervalSchedule(interval=timedelta(hours=6), anchor_date=begun)) == (
        begun + timedelta(hours=12)).isoformat()


def test_cron_is_due_in_its_own_zone() -> None:
    following = datetime.fromisoformat(due(CronSchedule(cron="0 3 * * *", timezone="Asia/Kathmandu")) or "")
    assert (following.hour, following.minute) == (21, 15)
    assert timedelta() < following - datetime.now(UTC) <= timedelta(days=1)


def test_of_a_schedule_that_is_not_ours_nothing_is_said() -> None:
    assert due(RRuleSchedule(rrule="FREQ=DAILY")) is None
