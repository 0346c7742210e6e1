from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.data.features import typed
from tasks.deployment.releasing import release
from tasks.errors import StoreFull
from tasks.monitoring.log import append, parts, window
from tasks.records import PreparedData, Release
from tasks.store import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = ("shop", "cpu-server")


@pytest.fixture
def live(pack_one: Callable[..., Any]) -> Release:
    packed = pack_one()
    return release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())


def asked(*ages: float) -> dict[str, Any]:
    count = len(ages)
    return {"age": np.array(ages, dtype=np.float32).reshape(-1, 1), "spent": np.zeros((count, 1), np.float32),
            "plan": np.full((count, 1), "basic", dtype=object), "city": np.full((count, 1), "", dtype=object)}


def answered(count: int) -> dict[str, Any]:
    shares = np.tile(np.float32([0.25, 0.75]), (count, 1))
    return {"label": np.full(count, "yes", dtype=object), "probabilities": shares}


def test_a_window_is_what_was_asked_since(live: Release, mixed: PreparedData) -> None:
    for hour, age in ((0, 20.0), (2, 30.0), (4, np.nan)):
        append(live, asked(age, age + 1), answered(2), ("no", "yes"), at=NOON + timedelta(hours=hour))
    assert len(window(*PLACE)) == 6
    late = window(*PLACE, NOON + timedelta(hours=1))
    assert late["age"].head(2).tolist() == [30.0, 31.0]
    assert late["farrier_probability_yes"].tolist() == [0.75] * 4
    assert set(late["farrier_version"]) == {1}
    assert late["farrier_at"].iloc[0] == NOON + timedelta(hours=2)
    frame = typed(late, mixed.data_schema)
    assert frame["age"].dtype == np.float32
    assert frame["city"].tolist() == [""] * 4


def test_the_latest_rows_are_found_without_reading_the_rest(live: Release) -> None:
    for hour in range(3):
        append(live, asked(float(hour), hour + 0.5), answered(2), ("no", "yes"), at=NOON + timedelta(hours=hour))
    parts(*PLACE)[0].write_bytes(b"no parquet: reading it would fail")
    assert window(*PLACE, rows=3)["age"].tolist() == [1.5, 2.0, 2.5]


def test_images_become_pixels_and_regressions_predictions(live: Release) -> None:
    append(live, {"image": np.arange(8, dtype=np.float32).reshape(2, 2, 2)}, {"prediction": np.float32([1.5, 2.5])})
    frame = window(*PLACE)
    assert frame["pixel_1_0"].tolist() == [2.0, 6.0]
    assert frame["farrier_prediction"].tolist() == [1.5, 2.5]


def test_nothing_was_asked(live: Release) -> None:
    assert append(live, {}, {}) is None
    assert window(*PLACE).empty


def test_a_full_disk_leaves_no_half_part(live: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreFull):
        append(live, asked(1.0), answered(1), ("no", "yes"))
    assert parts(*PLACE) == []
