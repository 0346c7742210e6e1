"""Twenty leaks that were built are found, each by its kind; clean rows are left in peace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data import tables
from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.records import Leak
from tasks.store import Store

Draw = np.random.Generator
ROWS = 2_000


def people(draw: Draw, rows: int = ROWS) -> pd.DataFrame:
    """Rows of four columns that tell a little of an answer, as honest ones do."""
    frame = pd.DataFrame({"age": draw.normal(45, 12, rows), "spent": draw.gamma(2, 50, rows),
                          "visits": draw.poisson(4, rows) + draw.random(rows).round(2),
                          "plan": draw.choice(["basic", "family", "premium"], rows, p=[0.5, 0.3, 0.2])})
    leaning = (frame["age"] - 45) / 12 + (frame["plan"] == "basic") + draw.normal(0, 1.5, rows)
    return frame.assign(target=np.where(leaning > 0.5, "yes", "no"))


def prices(draw: Draw, rows: int = ROWS) -> pd.DataFrame:
    frame = people(draw, rows).drop(columns="target")
    return frame.assign(target=frame["age"] * 3 + frame["spent"] + draw.normal(0, 120, rows))


def _ids(numbers: np.ndarray[Any, Any]) -> list[str]:
    return [f"P{number:05d}" for number in numbers]


def spelled_otherwise(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    return frame.assign(status=frame["target"].map({"yes": "gone", "no": "stays"}))


def nearly_spelled_otherwise(draw: Draw) -> pd.DataFrame:
    frame = spelled_otherwise(draw)
    return frame.assign(status=frame["status"].where(draw.random(len(frame)) > 0.01, "unclear"))


def a_score_made_of_the_answer(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    return frame.assign(score=(frame["target"] == "yes") * 10 + draw.normal(0, 1, len(frame)))


def filled_in_afterwards(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    return frame.assign(refund=draw.gamma(2, 10, len(frame))).assign(
        refund=lambda f: f["refund"].where(f["target"] == "yes"))


def a_reason_for_leaving(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    reasons = pd.Series(draw.choice(["price", "moved", "service"], len(frame)))
    return frame.assign(cause=reasons.where(frame["target"] == "yes"))


def another_currency(draw: Draw) -> pd.DataFrame:
    frame = prices(draw)
    return frame.assign(in_euros=frame["target"] * 0.92 + draw.normal(0, 0.5, len(frame)))


def a_rounded_answer(draw: Draw) -> pd.DataFrame:
    frame = prices(draw)
    return frame.assign(band=(frame["target"] // 25).astype(int))


def finer_classes(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    return frame.assign(code=frame["target"].str[0] + pd.Series(draw.integers(0, 9, len(frame)).astype(str)))


def three_classes_by_number(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    kinds = draw.choice(["red", "green", "blue"], len(frame))
    return frame.assign(target=kinds, wave=pd.Series(kinds).map({"red": 700, "green": 530, "blue": 470})
                        + draw.normal(0, 8, len(frame)))


def known_later(draw: Draw) -> pd.DataFrame:
    """Calls to the hotline after most of those who left had left."""
    frame = people(draw)
    calls = np.where(frame["target"] == "yes", draw.poisson(5, len(frame)), draw.poisson(0.2, len(frame)))
    return frame.assign(calls=calls + draw.random(len(frame)).round(3) * 0.1)


def row_numbers(draw: Draw) -> pd.DataFrame:
    return people(draw).assign(n=np.arange(ROWS) + 1000)


def shuffled_numbers(draw: Draw) -> pd.DataFrame:
    return people(draw).assign(ticket=draw.permutation(ROWS) + 1)


def copies_under_new_numbers(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    return pd.concat([frame, frame.head(ROWS // 4)], ignore_index=True).assign(
        entry=lambda f: _ids(draw.permutation(len(f))))


def copies_a_second_later(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    both = pd.concat([frame, frame.sample(ROWS // 5, random_state=1)], ignore_index=True)
    return both.assign(at=pd.date_range("2024-01-01", periods=len(both), freq="37min")[draw.permutation(len(both))])


def touched_up_copies(draw: Draw) -> pd.DataFrame:
    frame = people(draw)
    copies = frame.sample(ROWS // 4, random_state=2).reset_index(drop=True)
    copies["spent"] += draw.normal(0, 0.1, len(copies))
    return pd.concat([frame, copies], ignore_index=True).sample(frac=1, random_state=3, ignore_index=True)


def _in_time(answers: Callable[[np.ndarray[Any, Any]], Any], draw: Draw, frame: pd.DataFrame) -> pd.DataFrame:
    mood = np.convolve(draw.normal(0, 1, len(frame) + 29), np.ones(30) / np.sqrt(30), mode="valid")
    return frame.assign(at=pd.date_range("2023-01-01", periods=len(frame), freq="h"), target=answers(mood))


def hours_with_moods(draw: Draw) -> pd.DataFrame:
    return _in_time(lambda mood: np.where(mood > 0, "busy", "calm"), draw, people(draw)).sample(
        frac=1, random_state=4, ignore_index=True)


def a_slow_price(draw: Draw) -> pd.DataFrame:
    return _in_time(lambda mood: 100 + 10 * mood + draw.normal(0, 3, ROWS), draw, prices(draw))


def a_file_in_order(draw: Draw) -> pd.DataFrame:
    return hours_with_moods(draw).sort_values("at", ignore_index=True).drop(columns="at")


def patients(draw: Draw) -> pd.DataFrame:
    frame, who = people(draw), draw.integers(0, 300, ROWS)
    ill = draw.random(300) < 0.4
    return frame.assign(patient=_ids(who), target=np.where(ill[who] ^ (draw.random(ROWS) < 0.1), "yes", "no"))


def customers_by_number(draw: Draw) -> pd.DataFrame:
    frame, who = people(draw), draw.integers(0, 250, ROWS)
    leaves = draw.random(250) < 0.5
    return frame.assign(customer_id=who * 7919 % 100_000,
                        target=np.where(leaves[who] ^ (draw.random(ROWS) < 0.1), "yes", "no"))


LEAKS: dict[Callable[[Draw], pd.DataFrame], tuple[str, str]] = {
    spelled_otherwise: ("determines", "status"), nearly_spelled_otherwise: ("determines", "status"),
    a_score_made_of_the_answer: ("determines", "score"), filled_in_afterwards: ("determines", "refund"),
    a_reason_for_leaving: ("determines", "cause"), another_currency: ("determines", "in_euros"),
    a_rounded_answer: ("determines", "band"), finer_classes: ("determines", "code"),
    three_classes_by_number: ("determines", "wave"), known_later: ("dominates", "calls"),
    row_numbers: ("identifier", "n"), shuffled_numbers: ("identifier", "ticket"),
    copies_under_new_numbers: ("duplicates", ""), copies_a_second_later: ("duplicates", ""),
    touched_up_copies: ("near-duplicates", ""), hours_with_moods: ("time", "at"), a_slow_price: ("time", "at"),
    a_file_in_order: ("time", ""), patients: ("group", "patient"), customers_by_number: ("group", "customer_id"),
}


def leaks_of(frame: pd.DataFrame, store: Store, **given: Any) -> tuple[Leak, ...]:
    settings = DataSettings.model_validate({"source": {"kind": "synthetic"}, **given})
    with store.scratch() as folder:
        snapshot = store.put(tables.write(frame, folder / "snapshot.parquet"))
    return prepare(snapshot, settings, store).leaks


def leaks_in(store: Store, **given: Any) -> tuple[Leak, ...]:
    settings = DataSettings.model_validate(given)
    return prepare(collect(settings, store), settings, store).leaks


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("build", LEAKS, ids=lambda build: build.__name__)
def test_a_leak_is_found(build: Callable[[Draw], pd.DataFrame], seed: int, store: Store) -> None:
    kind, column = LEAKS[build]
    found = leaks_of(build(np.random.default_rng(seed)), store)
    assert (kind, (column,) if column else ()) in {(leak.kind, leak.columns) for leak in found}, found
    assert {leak.kind for leak in found} <= {kind, "identifier" if column in ("n", "ticket") else kind}, found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("build", [people, prices])
def test_clean_rows_are_left_in_peace(build: Callable[[Draw], pd.DataFrame], seed: int, store: Store) -> None:
    assert leaks_of(build(np.random.default_rng(seed)), store) == ()


@pytest.mark.parametrize(("build", "split"), [
    (hours_with_moods, {"kind": "time", "column": "at"}), (a_slow_price, {"kind": "time", "column": "at"}),
    (patients, {"kind": "group", "column": "patient"}),
    (customers_by_number, {"kind": "group", "column": "customer_id"}),
    (copies_under_new_numbers, {"kind": "hash", "columns": ["age", "spent", "visits", "plan"]}),
])
def test_the_remedy_ends_the_finding(build: Callable[[Draw], pd.DataFrame], split: dict[str, Any],
                                     store: Store) -> None:
    assert leaks_of(build(np.random.default_rng(0)), store, split=split) == ()


CLEAN: dict[str, dict[str, Any]] = {
    "breast_cancer": {}, "digits": {"input": "image", "shape": [8, 8]}, "diabetes": {}, "iris": {}, "wine": {}}


@pytest.mark.parametrize("name", CLEAN)
def test_published_rows_are_clean(name: str, store: Store) -> None:
    assert leaks_in(store, source={"kind": "sklearn", "name": name}, **CLEAN[name]) == ()


REAL: dict[str, dict[str, Any]] = {
    "adult-train.csv": {"target": "c14", "header": False, "names": [f"c{n}" for n in range(15)], "missing": ["?"]},
    "pollution.csv": {"target": "pm2.5", "missing": ["NA"], "split": {"kind": "time", "column": "No"}},
}


@pytest.mark.parametrize("name", REAL)
def test_real_rows_are_clean(name: str, real_data: Path, store: Store) -> None:
    source = {"kind": "file", "path": str(real_data / name), **REAL[name]}
    others = {key: source.pop(key) for key in ("target", "split") if key in source}
    assert leaks_in(store, source=source, **others) == ()


@pytest.mark.parametrize(("name", "target"), [("pollution.csv", "pm2.5"), ("weather.csv", "target")])
def test_days_and_hours_that_are_split_at_random_are_found(name: str, target: str, real_data: Path,
                                                           store: Store) -> None:
    source = {"kind": "file", "path": str(real_data / name), "missing": ["NA"]}
    assert [leak.kind for leak in leaks_in(store, source=source, target=target)] == ["time"]
