from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data import tables
from tasks.data.sources.synthetic import Synthetic


@pytest.mark.parametrize(("task", "labels"), [("binary", {"no", "yes"}), ("multiclass", {"low", "middle", "high"})])
def test_every_class_is_there(tmp_path: Path, task: str, labels: set[str]) -> None:
    frame = tables.read(Synthetic.model_validate({"task": task}).collect(tmp_path))
    assert frame.shape == (500, 7)
    assert set(frame["target"]) == labels


def test_an_answer_leans_on_its_columns(tmp_path: Path) -> None:
    frame = tables.read(Synthetic(rows=2000, columns=2, task="regression", noise=0.0).collect(tmp_path))
    assert frame.corr()["target"].drop("target").abs().max() > 0.5


def test_cells_go_missing_and_answers_do_not(tmp_path: Path) -> None:
    frame = tables.read(Synthetic(rows=2000, missing=0.2).collect(tmp_path))
    assert 0.15 < frame.drop(columns="target").isna().to_numpy().mean() < 0.25
    assert frame["target"].notna().all()


def test_the_seed_is_all_that_draws(tmp_path: Path) -> None:
    first = tables.read(Synthetic(seed=1).collect(tmp_path))
    assert first.equals(tables.read(Synthetic(seed=1).collect(tmp_path)))
    assert not first.equals(tables.read(Synthetic(seed=2).collect(tmp_path)))
    assert Synthetic(seed=1).identity() != Synthetic(seed=2).identity()
