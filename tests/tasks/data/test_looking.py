from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.looking import MANY, Wish, left_out, look
from tasks.data.sources import Synthetic
from tasks.errors import DataError, SettingsError

ROWS = 60
FRAME = pd.DataFrame({
    "key": [f"k{number:03d}" for number in range(ROWS)],
    "day": pd.date_range("2024-01-01", periods=ROWS).strftime("%d.%m.%Y"),
    "size": np.linspace(0.5, 9.5, ROWS),
    "kind": ["a", "b", "c"] * (ROWS // 3),
    "flag": [True, False] * (ROWS // 2),
    "blank": [None] * ROWS,
    "same": ["x"] * ROWS,
    "row": range(ROWS),
    "no": range(ROWS),
    "label": ["yes", "no"] * (ROWS // 2),
})


def looked(**wish: Any) -> Any:
    return look(FRAME, Synthetic(), Wish(**{"target": "label", **wish}))


def test_each_column_is_taken_for_what_it_holds() -> None:
    kinds = {name: declared.kind for name, declared in looked().columns.items()}
    assert kinds == {"key": "identifier", "day": "time", "size": "number", "kind": "category", "flag": "category",
                     "no": "identifier"}
    assert looked().columns["day"].format == "%d.%m.%Y"
    assert looked().task == "binary"


def test_what_no_model_can_use_is_left_out_with_the_reason() -> None:
    assert {name: reason.split(";")[0] for name, reason in left_out(FRAME, Wish(target="label")).items()} == {
        "blank": "holds no value", "same": "holds one value only", "row": "farrier keeps this name for itself"}


def test_more_categories_than_can_be_learned_are_no_feature() -> None:
    shops = [f"s{number % (MANY + 1)}" for number in range(1000)]
    many = pd.DataFrame({"shop": shops, "size": range(1000), "label": [0, 1] * 500})
    assert look(many, Synthetic(), Wish(target="label")).columns["shop"].kind == "identifier"


def test_names_and_numbers_that_models_cannot_take_are_kept_from_them() -> None:
    frame = FRAME.assign(prediction=FRAME["size"], at=1_700_000_000 + np.arange(ROWS))
    assert left_out(frame, Wish(target="label"))["prediction"].startswith("farrier keeps this name for itself")
    assert look(frame, Synthetic(), Wish(target="label")).columns["at"].kind == "identifier"


def test_numbers_that_rise_may_be_told_to_be_the_answer() -> None:
    frame = FRAME.assign(price_index=range(100, 100 + ROWS))
    with pytest.raises(DataError, match="--task regression"):
        look(frame, Synthetic(), Wish(target="price_index"))
    assert look(frame, Synthetic(), Wish(target="price_index", task="regression")).task == "regression"
    with pytest.raises(DataError, match="looks like an identifier"):
        look(frame, Synthetic(), Wish(target="key", task="regression"))


@pytest.mark.parametrize(("wish", "split"), [
    ({}, {"kind": "hash"}),
    ({"time": "day"}, {"kind": "time", "column": "day"}),
    ({"time": "size"}, {"kind": "time", "column": "size"}),
    ({"time": "no"}, {"kind": "time", "column": "no"}),
    ({"group": "kind"}, {"kind": "group", "column": "kind"}),
])
def test_rows_are_split_by_what_is_named(wish: dict[str, str], split: dict[str, str]) -> None:
    found = looked(**wish).split.model_dump()
    assert split.items() <= found.items()
    assert (found["validation"], found["test"]) == (0.2, 0.3)


def test_a_group_is_not_learned_from() -> None:
    assert looked(group="kind").columns["kind"].kind == "identifier"


@pytest.mark.parametrize(("wish", "words"), [
    ({"target": "blank"}, "holds no value"),
    ({"target": "same"}, "one value only, 'x'"),
    ({"target": "key"}, "looks like an identifier: 60 different values in 60 rows"),
    ({"target": "no"}, "looks like an identifier"),
    ({"target": "row"}, "keeps for itself"),
])
def test_what_cannot_be_is_refused(wish: dict[str, str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        looked(**wish)


@pytest.mark.parametrize(("wish", "words"), [
    ({"target": "lable"}, r"no column 'lable'.*nearest are label"),
    ({"time": "kind"}, "neither times nor numbers"),
    ({"group": "kinds"}, "no column 'kinds'"),
])
def test_words_that_name_no_such_column_are_refused(wish: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        looked(**wish)
