"""What monitoring watches for."""

from __future__ import annotations

from pydantic import Field

from tasks.records import Record


class MonitoringSettings(Record):
    """When live rows count as drifted."""

    false_alarm_rate: float = Field(0.01, gt=0, lt=1, description="of one whole comparison, when nothing moved")
    rows: int = Field(10_000, ge=1, description="the latest live rows that are compared")
    least_rows: int = Field(100, ge=2, description="with fewer rows nothing is said")
