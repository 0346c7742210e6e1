from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from serving.inputs import feeds
from tasks.data.features import typed
from tasks.data.preparation import load
from tasks.deployment.releasing import release, served
from tasks.errors import CorruptedArtifact
from tasks.monitoring.log import append
from tasks.monitoring.settings import MonitoringSettings
from tasks.monitoring.watching import keep, told, watch
from tasks.records import PreparedData, Release
from tasks.store import Store, path_of, state

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = MonitoringSettings(least_rows=50)


@pytest.fixture
def live(pack_one: Callable[..., Any]) -> Release:
    packed = pack_one()
    return release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())


def log(live: Release, mixed: PreparedData, shelf: Store, *, at: datetime = NOON, older: float = 0.0,
        rows: int | None = None) -> None:
    """As if the validation rows had been asked, by people so many years older."""
    frame = typed(load(mixed.validation, shelf), mixed.data_schema).head(rows or 10**6)
    columns = {name: frame[name].to_numpy() for name in frame}
    columns["age"] = columns["age"] + np.float32(older)
    asked = feeds(mixed.data_schema.model_dump(mode="json"), columns)
    append(live, asked, {"label": np.full(len(frame), "no", dtype=object)}, at=at)


def test_rows_like_those_of_training_do_not_drift(live: Release, mixed: PreparedData, shelf: Store) -> None:
    log(live, mixed, shelf)
    found = watch(live, SETTINGS, Store(), at=NOON)
    assert found.drift is not None
    assert (found.rows, found.drifted) == (mixed.rows.validation, False)
    assert found.first == found.last == NOON
    assert {column.column for column in found.drift.columns} == {"age", "spent", "plan", "city"}


def test_older_customers_drift_by_age_alone(live: Release, mixed: PreparedData, shelf: Store) -> None:
    log(live, mixed, shelf, older=60.0)
    found = watch(live, SETTINGS, Store(), at=NOON)
    assert found.drift is not None
    assert found.drifted
    assert {column.column for column in found.drift.columns if column.drifted} == {"age"}
    assert "**Drifted**" in told(found)


def test_too_few_rows_say_nothing(live: Release, mixed: PreparedData, shelf: Store) -> None:
    assert watch(live, SETTINGS, Store(), at=NOON).rows == 0
    log(live, mixed, shelf, older=60.0, rows=49)
    found = watch(live, SETTINGS, Store(), at=NOON)
    assert (found.rows, found.drift, found.drifted) == (49, None, False)
    assert keep(found) is None
    assert "49 rows of this release are logged, and 50 are needed" in told(found)
    assert "--target cpu-server --log" in told(found)


def test_only_rows_of_the_window_count(live: Release, mixed: PreparedData, shelf: Store) -> None:
    log(live, mixed, shelf, at=NOON - timedelta(days=2), older=60.0)
    log(live, mixed, shelf)
    assert watch(live, SETTINGS, Store(), at=NOON).drifted
    assert not watch(live, SETTINGS, Store(), at=NOON, since=NOON - timedelta(days=1)).drifted
    assert not watch(live, SETTINGS.model_copy(update={"rows": mixed.rows.validation}), Store(), at=NOON).drifted


def test_only_rows_of_the_served_version_count(live: Release, mixed: PreparedData, shelf: Store,
                                               pack_one: Callable[..., Any]) -> None:
    log(live, mixed, shelf, older=60.0)
    packed = pack_one(0.1)
    release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())
    assert watch(served("shop"), SETTINGS, Store(), at=NOON).rows == 0


def test_a_changed_profile_is_not_compared_with(live: Release, mixed: PreparedData, shelf: Store) -> None:
    log(live, mixed, shelf)
    profile = path_of(live.package) / "profile.json"
    profile.chmod(0o644)
    profile.write_bytes(profile.read_bytes() + b" ")
    with pytest.raises(CorruptedArtifact):
        watch(live, SETTINGS, Store(), at=NOON)


def test_a_finding_is_kept_with_its_picture(live: Release, mixed: PreparedData, shelf: Store) -> None:
    log(live, mixed, shelf, older=60.0)
    found = watch(live, SETTINGS, Store(), at=NOON)
    file = keep(found)
    assert file == state("monitoring", "shop", "cpu-server") / "20260301T120000Z.md"
    assert "(20260301T120000Z.svg)" in file.read_text()
    assert file.with_suffix(".svg").read_text().startswith("<svg")
    assert type(found).model_validate_json(file.with_suffix(".json").read_text()) == found


def test_rows_of_a_later_version_do_not_hide_those_of_the_one_gone_back_to(live: Release, mixed: PreparedData,
                                                                         shelf: Store) -> None:
    log(live, mixed, shelf, rows=60)
    log(live.model_copy(update={"version": 2}), mixed, shelf, at=NOON + timedelta(hours=1), rows=60)
    found = watch(live, SETTINGS.model_copy(update={"rows": 60}), Store(), at=NOON + timedelta(hours=2))
    assert (found.rows, found.drift is not None) == (60, True)
