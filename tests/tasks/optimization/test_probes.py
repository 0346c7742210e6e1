from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.data import preparation
from tasks.optimization.probes import FAR, UNSEEN, probes
from tasks.records import PreparedData
from tasks.store import Store


def tried(prepared: PreparedData, store: Store):
    typed = preparation.typed(preparation.load(prepared.validation, store), prepared.data_schema)
    return typed, probes({"validation": typed}, prepared.data_schema)


def test_given_rows_come_first_and_unchanged(mixed: PreparedData, shelf: Store) -> None:
    typed, found = tried(mixed, shelf)
    pd.testing.assert_frame_equal(found.frame.head(len(typed)), typed.reset_index(drop=True))
    assert len(found.names) == len(found.frame)
    assert found.real == len(typed)


def test_each_column_goes_where_graphs_go_wrong(mixed: PreparedData, shelf: Store) -> None:
    typed, found = tried(mixed, shelf)
    hard = found.frame.iloc[len(typed):]
    age = next(column for column in mixed.data_schema.features if column.name == "age")
    assert {-FAR, FAR, 0.0, np.float32(age.low), np.float32(age.high)} <= set(hard["age"].dropna())
    assert hard["age"].isna().any()
    assert {UNSEEN, ""} <= set(hard["plan"])


def test_types_stay_and_the_argument_too(mixed: PreparedData, shelf: Store) -> None:
    typed, found = tried(mixed, shelf)
    assert found.frame.dtypes.tolist() == typed.dtypes.tolist()
    assert UNSEEN not in set(typed["plan"])


def test_one_column_changes_at_a_time(mixed: PreparedData, shelf: Store) -> None:
    typed, found = tried(mixed, shelf)
    place = found.names.index(f"column 'plan' at {UNSEEN!r}")
    changed = found.frame.iloc[place]
    assert changed["plan"] == UNSEEN
    pd.testing.assert_series_equal(changed.drop("plan"), typed.iloc[0].drop("plan"), check_names=False)


def test_an_image_has_all_of_its_pixels(digits: PreparedData, shelf: Store) -> None:
    _, found = tried(digits, shelf)
    assert not found.frame.isna().any().any()
