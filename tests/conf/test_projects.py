"""The projects that come with farrier are true of their rows: settings that load may still ask for a column that is not
there."""

from pathlib import Path

import pytest

from conf.settings import CONF, load
from tasks.data import preparation
from tasks.data.collection import collect
from tasks.store import Store


@pytest.mark.parametrize("project", sorted(file.stem for file in (CONF / "projects").glob("*.yaml")))
def test_the_rows_of_every_project_pass_its_data_stage(project: str, tmp_path: Path) -> None:
    settings, store = load(project).data, Store(tmp_path / "store")
    prepared = preparation.prepare(collect(settings, store), settings, store)
    assert prepared.rows.quarantine == 0
    assert min(prepared.rows.train, prepared.rows.validation, prepared.rows.test) > 100
