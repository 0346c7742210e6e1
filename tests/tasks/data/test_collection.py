from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from tasks.data.collection import collect
from tasks.data.settings import DataSettings
from tasks.data.sources import AnySource
from tasks.errors import DataError
from tasks.store import Store


def test_the_same_rows_are_the_same_artifact(store: Store) -> None:
    settings = DataSettings.model_validate({"source": {"kind": "synthetic"}})
    assert collect(settings, store) == collect(settings, store)


def test_a_source_without_rows_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "head.csv").write_text("a,target\n")
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(tmp_path / "head.csv")}})
    with pytest.raises(DataError, match=r"head\.csv.*gave no rows"):
        collect(settings, store)
    assert not list(store.root.glob(".scratch-*"))


def test_every_source_is_read_by_its_kind() -> None:
    read = TypeAdapter(AnySource).validate_python
    assert read({"kind": "synthetic"}).kind == "synthetic"
    with pytest.raises(ValueError, match="excel"):
        read({"kind": "excel", "path": "a"})
