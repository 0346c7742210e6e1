"""What is refused before a run begins."""

from __future__ import annotations

import pytest
from prefect.exceptions import TerminationSignal

from conf.settings import load
from flows.chronicle import ending
from flows.execution import execute
from flows.run import STAGES, begin
from tasks.errors import DataError, DeploymentError
from tasks.store import Store


def test_production_begins_no_run_until_a_key_is_named(store: Store) -> None:
    with pytest.raises(DeploymentError, match="FARRIER__DEPLOYMENT__TRUSTED_KEYS"):
        execute(load("digits", ["data.source={kind: file, path: nowhere.csv}"], profile="production"))
    assert not list((store.root.parent / "state").glob("runs/*/*/summary.json"))
    assert not (store.root.parent / "state" / "prefect").exists()


@pytest.mark.parametrize(("asked", "repeated", "last"), [
    ({}, (), "deployment"),
    ({"only": "training"}, ("training",), "training"),
    ({"start": "data"}, STAGES, "deployment"),
    ({"start": "optimization"}, ("optimization", "deployment"), "deployment"),
])
def test_a_run_repeats_what_it_is_told_to(asked: dict[str, str], repeated: tuple[str, ...], last: str) -> None:
    run = begin("tiny", **asked)
    assert (run.refresh, run.last) == (repeated, last)


@pytest.mark.parametrize(("stop", "status"), [
    (KeyboardInterrupt(), "interrupted"), (TerminationSignal(15), "interrupted"), (DataError("no rows"), "failed")])
def test_a_run_that_was_stopped_is_no_failure(stop: BaseException, status: str) -> None:
    assert ending(stop)[0] == status
