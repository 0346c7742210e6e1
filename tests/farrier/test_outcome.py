"""What a run came to, as a person reads it: in the terminal, in MLflow."""

from __future__ import annotations

from flows.recording import release_refused
from flows.run import Run

WAY_OUT = "v1 was rolled back. If it should serve: farrier releases rollback shop"


def test_mlflow_is_told_of_commands_as_they_are_called() -> None:
    entry = release_refused(Run(key="k", project="shop"), "cpu-tiny", WAY_OUT)
    assert entry.tags["farrier.reason"] == WAY_OUT.replace(": farrier", ": .venv/bin/farrier")
