from __future__ import annotations

from datetime import UTC, datetime

import pytest

from farrier.monitor import moment
from tasks.errors import SettingsError

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(("text", "meant"), [
    ("90m", "2026-03-15T10:30:00+00:00"),
    ("24h", "2026-03-14T12:00:00+00:00"),
    (" 7 d", "2026-03-08T12:00:00+00:00"),
    ("2w", "2026-03-01T12:00:00+00:00"),
    ("2026-03-01", "2026-03-01T00:00:00+00:00"),
    ("2026-03-01T12:00+02:00", "2026-03-01T12:00:00+02:00"),
])
def test_moments_as_people_say_them(text: str, meant: str) -> None:
    assert moment(text, now=NOW).isoformat() == meant


@pytest.mark.parametrize("text", ["yesterday", "5y", "999999w", "", "-3h"])
def test_what_is_no_moment_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--since.*24h"):
        moment(text, now=NOW)
