"""A home's servers come back to where links lead, and no address shows a password."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tasks.addresses import lasting_port, pages_of_mlflow, port_of, without_userinfo


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))


def test_each_server_keeps_a_port_of_its_own() -> None:
    first = port_of("prefect"), port_of("mlflow")
    assert first == (port_of("prefect"), port_of("mlflow"))
    assert first[0] != first[1]


def test_a_port_that_is_taken_is_left_for_this_time_only() -> None:
    own = port_of("prefect")
    with socket.create_server(("127.0.0.1", own)):
        assert port_of("prefect") != own
    assert port_of("prefect") == own


def test_links_to_mlflow_lead_to_its_pages() -> None:
    assert pages_of_mlflow("sqlite:////somewhere/mlflow.db") == f"http://127.0.0.1:{lasting_port('mlflow')}"
    assert pages_of_mlflow("http://user:secret@mlflow:5000") == "http://mlflow:5000"


@pytest.mark.parametrize(("address", "shown"), [
    ("http://user:secret@host:1/api", "http://host:1/api"),
    ("postgresql+psycopg2://farrier@postgres:5432/mlflow", "postgresql+psycopg2://postgres:5432/mlflow"),
    ("http://host/a@b", "http://host/a@b"),
    ("sqlite:////home/mlflow.db", "sqlite:////home/mlflow.db"),
])
def test_an_address_is_shown_without_who_calls(address: str, shown: str) -> None:
    assert without_userinfo(address) == shown
