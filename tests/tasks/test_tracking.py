"""Entries reach MLflow once, in order, and wait on disk while it is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.addresses import free_port
from tasks.entries import Alias, Attachment, Dataset, Ending, Entry, LoggedModel, Registration
from tasks.errors import TrackingRefused, TrackingUnavailable
from tasks.store import Store
from tasks.tracking import Tracking
from tests.conftest import MlflowServer

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def tracking(database: str, store: Store) -> Tracking:
    return Tracking(database)


def entry(key: str, **facts: object) -> Entry:
    return Entry.model_validate({"key": key, "experiment": "project", "name": key, **facts})


def test_an_entry_becomes_a_run_with_all_that_it_carries(tracking: Tracking, tmp_path: Path) -> None:
    tracking.post(entry("a", status="RUNNING"))
    tracking.post(entry("a/b", parent="a", params={"p": "1"}, metrics={"m": 0.5}, tags={"t": "x"},
                        datasets=(Dataset(name="train", sha256="1" * 64, context="training"),),
                        attachments=(Attachment(name="notes/hello.txt", text="hello"),)))
    run = tracking.client.get_run(tracking.run_id("a/b", "project"))
    assert (run.data.params, run.data.metrics["m"], run.data.tags["t"]) == ({"p": "1"}, 0.5, "x")
    assert run.data.tags["mlflow.parentRunId"] == tracking.run_id("a", "project")
    assert run.info.status == "FINISHED"
    assert [file.path for file in tracking.client.list_artifacts(run.info.run_id, "notes")] == ["notes/hello.txt"]
    assert run.inputs.dataset_inputs[0].dataset.name == "train"


def test_posting_again_updates_the_same_run(tracking: Tracking) -> None:
    tracking.post(entry("c", metrics={"m": 1.0}, params={"p": "1"}))
    first = tracking.run_id("c", "project")
    fresh = Tracking(tracking.uri)
    fresh.post(entry("c", metrics={"m": 2.0}, params={"p": "1"}))
    assert fresh.run_id("c", "project") == first
    assert fresh.client.get_run(first).data.metrics["m"] == 2.0


def announced(key: str, package: str, store: Store, tmp_path: Path) -> Entry:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    model = LoggedModel(name="m", kind="onnx", artifact=store.put(tmp_path / "model.onnx"))
    return entry(key, model=model, registration=Registration(model="project", package=package))


def alias(package: str, release: int) -> Alias:
    return Alias(model="project", alias="champion-cpu", package=package, release=release)


def test_a_package_is_registered_once_and_the_alias_moves_only_when_it_is_told_to(
    tracking: Tracking, store: Store, tmp_path: Path
) -> None:
    one, two = "1" * 64, "2" * 64
    tracking.post(announced("d", one, store, tmp_path), alias(one, release=1))
    tracking.post(announced("again", one, store, tmp_path), announced("e", two, store, tmp_path))
    versions = tracking.client.search_model_versions("name = 'project'")
    assert {version.tags["farrier.package"] for version in versions} == {one, two}
    assert len(versions) == 2
    pointed = tracking.client.get_model_version_by_alias("project", "champion-cpu")
    assert (pointed.run_id, pointed.tags["farrier.version"]) == (tracking.run_id("d", "project"), "1")
    tracking.post(alias(two, release=2))
    pointed = tracking.client.get_model_version_by_alias("project", "champion-cpu")
    assert (pointed.run_id, pointed.tags["farrier.version"]) == (tracking.run_id("e", "project"), "2")


def test_an_alias_of_a_package_that_mlflow_never_heard_of_stands_for_nothing(
    tracking: Tracking, store: Store, tmp_path: Path
) -> None:
    known = "3" * 64
    tracking.post(announced("f", known, store, tmp_path), alias(known, release=1))
    tracking.post(alias("4" * 64, release=2))
    assert tracking.client.get_registered_model("project").aliases == {}
    tracking.post(Alias(model="nowhere", alias="champion-cpu", package=known, release=1))
    assert tracking.outbox.refused() == []


def test_an_upload_that_was_cut_short_is_done_again(tracking: Tracking, store: Store, tmp_path: Path) -> None:
    tracking.post(entry("cut"))
    run = tracking.run_id("cut", "project")
    experiment = tracking.client.get_run(run).info.experiment_id
    begun = tracking.client.create_logged_model(experiment, "m", run)
    tracking.post(announced("cut", "5" * 64, store, tmp_path))
    (model,) = tracking.client.search_logged_models([experiment], f"source_run_id = '{run}'")
    assert (model.model_id, model.status) == (begun.model_id, "READY")
    assert [file.path for file in tracking.client.list_logged_model_artifacts(model.model_id)] == ["model.onnx"]


def test_what_is_open_of_a_run_is_closed_and_nothing_else(tracking: Tracking) -> None:
    tracking.post(*(entry(key, status="RUNNING") for key in ("x1", "x1/deployment", "x2")), entry("x1/data"),
                  Ending(experiment="project", run="x1", status="KILLED"))
    assert {key: tracking.client.get_run(tracking.run_id(key, "project")).info.status
            for key in ("x1", "x1/deployment", "x1/data", "x2")} == {
        "x1": "KILLED", "x1/deployment": "KILLED", "x1/data": "FINISHED", "x2": "RUNNING"}


def test_a_reused_result_names_the_run_that_made_it(tracking: Tracking) -> None:
    tracking.post(entry("made", sha256="f" * 64), entry("again", sha256="f" * 64, reused=True))
    tags = tracking.client.get_run(tracking.run_id("again", "project")).data.tags
    assert tags["farrier.made_by"] == tracking.run_id("made", "project")
    assert tags["farrier.reused"] == "true"


def test_what_cannot_be_delivered_waits_and_catches_up_in_order(store: Store, mlflow_server: MlflowServer) -> None:
    port = free_port()
    away = Tracking(f"http://127.0.0.1:{port}")
    away.visit()
    away.post(entry("late", metrics={"m": 1.0}))
    away.post(entry("late", metrics={"m": 2.0}))
    assert len(away.outbox.waiting()) == 2
    assert away.run_id("late", "project") == ""
    with pytest.raises(TrackingUnavailable, match=f"{port} does not answer, so nothing is released: 2 entries"):
        away.require_delivered()
    with mlflow_server(port):
        back = Tracking(away.uri)
        back.require_delivered()
        assert back.outbox.waiting() == []
        assert back.client.get_run(back.run_id("late", "project")).data.metrics["m"] == 2.0


def test_what_waits_for_one_server_is_not_told_to_another(tracking: Tracking) -> None:
    away = Tracking(NOWHERE)
    away.post(entry("theirs"))
    tracking.post(entry("ours"))
    assert tracking.run_id("theirs", "project") == ""
    assert len(away.outbox.waiting()) == 1


def test_a_refused_entry_is_an_error_and_those_behind_it_are_delivered(tracking: Tracking) -> None:
    with pytest.raises(TrackingRefused, match=r"refused/.*\.json.*not/a valid"):
        tracking.post(entry("bad", metrics={"not/a valid \x00 name?": 1.0}), entry("good", metrics={"m": 1.0}))
    assert tracking.client.get_run(tracking.run_id("good", "project")).data.metrics["m"] == 1.0
    tracking.post(entry("later"))
    tracking.require_delivered()


def test_an_entry_whose_file_is_gone_is_refused_and_named(tracking: Tracking, store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("gone soon")
    kept = store.put(tmp_path / "notes.txt")
    store.fetch(kept).unlink()
    with pytest.raises(TrackingRefused, match=kept.sha256):
        tracking.post(entry("lost", attachments=(Attachment(name="notes.txt", artifact=kept),)))
