from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prefect.states import Failed
from pydantic import TypeAdapter

from tasks.data.collection import collect
from tasks.data.settings import DataSettings
from tasks.data.sources import AnySource
from tasks.data.steps import may_get_better
from tasks.errors import DataError, StoreFull
from tasks.store import Store


def test_the_same_rows_are_the_same_artifact(store: Store) -> None:
    settings = DataSettings.model_validate({"source": {"kind": "synthetic"}})
    assert collect(settings, store) == collect(settings, store)


def test_a_source_without_rows_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "head.csv").write_text("a,target\n")
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(tmp_path / "head.csv")}})
    with pytest.raises(DataError, match=r"no rows.*head\.csv"):
        collect(settings, store)
    assert not list(store.root.glob(".scratch-*"))


def test_a_full_disk_is_said_and_not_tried_again(small_disk: Path) -> None:
    settings = DataSettings.model_validate({"source": {"kind": "synthetic", "rows": 100_000}})
    with pytest.raises(StoreFull, match="FARRIER_HOME") as full:
        collect(settings, Store(small_disk))
    assert not asyncio.run(may_get_better(None, None, Failed(data=full.value)))
    assert asyncio.run(may_get_better(None, None, Failed(data=ConnectionError("reset"))))


def test_every_source_is_read_by_its_kind() -> None:
    read = TypeAdapter(AnySource).validate_python
    assert read({"kind": "synthetic"}).kind == "synthetic"
    with pytest.raises(ValueError, match="excel"):
        read({"kind": "excel", "path": "a"})
