from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data import tables
from tasks.data.collection import collect
from tasks.data.preparation import load, prepare, target, typed
from tasks.data.settings import DataSettings
from tasks.errors import DataError, ExpectationsFailed
from tasks.records import PreparedData
from tasks.store import Store

FEW = {"kind": "hash", "validation": 0.3, "test": 0.3}


def made_from(frame: pd.DataFrame, store: Store, **given: object) -> PreparedData:
    """Prepare a frame as if a source had given it."""
    with store.scratch() as folder:
        snapshot = store.put(tables.write(frame, folder / "snapshot.parquet"))
    return prepare(snapshot, DataSettings.model_validate({"source": {"kind": "synthetic"}, **given}), store)


def customers(rows: int = 300) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    return pd.DataFrame({"age": draw.integers(18, 90, rows).astype(float),
                         "plan": draw.choice(["basic", "family", "premium"], rows),
                         "day": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
                         "target": draw.choice(["no", "yes"], rows)})


def quarantined(prepared: PreparedData, store: Store) -> dict[int, str]:
    refused = load(prepared.quarantine, store)
    return dict(zip(refused["row"], refused["reason"], strict=True))


cells = st.fixed_dictionaries({
    "n": st.sampled_from(["1", "2.5", "", "x", "inf"]), "c": st.sampled_from(["a", "b", ""]),
    "target": st.sampled_from(["yes", "no", "", "rare"])})


GOOD = [{"n": str(number), "c": "ab"[number % 2], "target": ("yes", "no")[number % 2]} for number in range(60)]


@settings(max_examples=25, deadline=None)
@given(st.lists(cells, max_size=40))
def test_no_row_is_lost_and_none_is_twice(rows: list[dict[str, str]]) -> None:
    declared = {"c": {"categories": ["a", "b"], "nullable": False}, "n": {"kind": "number"}}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        prepared = made_from(pd.DataFrame(GOOD + rows), store, columns=declared)
        parts = [prepared.train, prepared.validation, prepared.test, prepared.quarantine]
        numbers = [load(part, store)["row"].tolist() for part in parts]
    counted = prepared.rows
    assert sorted(itertools.chain(*numbers)) == list(range(len(GOOD + rows)))
    assert [len(part) for part in numbers] == [counted.train, counted.validation, counted.test, counted.quarantine]


def test_the_same_snapshot_gives_the_same_artifacts(store: Store) -> None:
    assert made_from(customers(), store) == made_from(customers(), store)


def test_the_parts_hold_what_they_promise(store: Store) -> None:
    raw = customers()
    raw.loc[4, "age"] = np.inf
    prepared = made_from(raw.assign(note="x"), store, ignore=["note"])
    train, refused = load(prepared.train, store), load(prepared.quarantine, store)
    assert train.columns.tolist() == ["age", "plan", "day", "target", "row"]
    assert train["row"].dtype == "int64"
    assert refused.columns.tolist() == ["age", "plan", "day", "target", "row", "reason"]
    assert raw.loc[train["row"], "age"].tolist() == train["age"].tolist()
    assert typed(train, prepared.data_schema).columns.tolist() == ["age", "plan"]
    assert set(target(train, prepared.data_schema)) == {0, 1}


def test_bad_rows_go_to_quarantine_with_all_their_reasons(store: Store) -> None:
    raw = customers().astype({"age": object})
    raw.loc[3, "age"] = "old"
    raw["age"] = raw["age"].astype(str)
    raw.loc[5, "target"] = None
    raw.loc[8, ["age", "plan"]] = ["inf", "gold"]
    raw.loc[9, "age"] = "200"
    found = quarantined(made_from(raw, store, columns={
        "age": {"kind": "number", "high": 120}, "plan": {"categories": ["basic", "family", "premium"]}}), store)
    assert found == {
        3: "age: 'old' is not a number", 5: "target: is missing", 9: "age: '200' is above 120",
        8: "age: 'inf' is infinite; plan: 'gold' is not one of the declared categories"}


def test_a_name_with_brackets_is_a_name_first(store: Store) -> None:
    raw = customers().rename(columns={"age": "age [years]"})
    found = quarantined(made_from(raw, store, columns={"age [years]": {"high": 80}}), store)
    assert len(found) == (raw["age [years]"] > 80).sum()


def test_a_declared_law_is_kept_whatever_the_values_look_like(store: Store) -> None:
    raw = customers().assign(rating=[number % 5 + 1 for number in range(300)])
    found = quarantined(made_from(raw, store, columns={"rating": {"categories": ["1", "2", "3"]}}), store)
    assert len(found) == 120
    assert found[3] == "rating: 4 is not one of the declared categories"
    raw = customers().astype({"age": object})
    raw.loc[::7, "age"] = "unknown"
    raw.loc[1, "age"] = 999
    found = quarantined(made_from(raw.astype({"age": str}), store, columns={"age": {"low": 0, "high": 120}}), store)
    assert len(found) == 44
    assert (found[0], found[1]) == ("age: 'unknown' is not a number", "age: '999' is above 120")


def test_times_may_be_written_as_whole_numbers(store: Store) -> None:
    days = pd.date_range("2024-01-10", periods=300).strftime("%d%m%Y")
    raw = customers().assign(day=days)[lambda rows: ~rows["day"].str.startswith("0")].astype({"day": int})
    made = made_from(raw, store, split={"kind": "time", "column": "day"}, columns={"day": {"format": "%d%m%Y"}})
    assert load(made.train, store)["day"].max() < load(made.test, store)["day"].min()


def test_expectations_quarantine_and_are_kept(store: Store) -> None:
    prepared = made_from(customers(), store, expectations=[
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 25}}])
    young = customers().query("age < 25").index
    assert sorted(quarantined(prepared, store)) == young.tolist()
    kept = json.loads(store.fetch(prepared.expectations).read_text())
    assert kept["suite"][0]["unexpected_count"] == len(young)


def test_rows_already_refused_do_not_count_against_the_table(store: Store) -> None:
    raw = customers()
    raw.loc[3, "age"] = 1e30
    prepared = made_from(raw, store, columns={"age": {"high": 120}}, expectations=[
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": "age", "max_value": 120}}])
    assert list(quarantined(prepared, store)) == [3]


def test_a_table_that_breaks_an_expectation_is_not_prepared(store: Store) -> None:
    with pytest.raises(ExpectationsFailed, match="observed 300"):
        made_from(customers(), store, expectations=[
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1000}}])


def test_a_class_that_train_never_shows_is_set_aside(store: Store) -> None:
    raw = customers()
    before = made_from(raw, store)
    row = int(load(before.test, store)["row"].iloc[0])
    raw.loc[row, "target"] = "maybe"
    for salt in map(str, range(20)):  # the label is part of the row: look for a salt that keeps it out of train
        after = made_from(raw, store, salt=salt)
        if "maybe" not in after.data_schema.classes:
            assert quarantined(after, store) == {row: "target: class 'maybe' never occurs in train"}
            return
    pytest.fail("every salt put the row in train")


def test_categories_and_ranges_come_from_train_alone(store: Store) -> None:
    raw = customers()
    prepared = made_from(raw, store, split={"kind": "time", "column": "day"})
    late = raw.assign(plan=raw["plan"].mask(raw.index == 299, "new"), age=raw["age"].mask(raw.index == 298, 999))
    after = made_from(late, store, split={"kind": "time", "column": "day"})
    assert after.data_schema == prepared.data_schema
    assert "new" in set(load(after.test, store)["plan"])


def test_what_train_never_filled_is_no_feature(store: Store) -> None:
    raw = customers().assign(empty=None, late=[None] * 299 + [1.0])
    prepared = made_from(raw, store, split={"kind": "time", "column": "day"})
    assert [column.name for column in prepared.data_schema.columns] == ["age", "plan", "day"]


def test_time_is_kept_and_is_no_feature(store: Store) -> None:
    prepared = made_from(customers(), store, split={"kind": "time", "column": "day"})
    assert load(prepared.train, store)["day"].max() < load(prepared.test, store)["day"].min()
    assert "day" not in [column.name for column in prepared.data_schema.features]


def test_times_of_another_spelling_are_no_order_until_it_is_told(store: Store) -> None:
    """As text, 02.01.2024 stands before 31.12.2023: the future would be trained on."""
    raw = customers().assign(day=pd.date_range("2024-01-01", periods=300).strftime("%d.%m.%Y"))
    split = {"kind": "time", "column": "day"}
    with pytest.raises(DataError, match=r"'day' holds text, as '01\.01\.2024'.*format:"):
        made_from(raw, store, split=split)
    told = made_from(raw, store, split=split, columns={"day": {"kind": "time", "format": "%d.%m.%Y"}})
    assert load(told.train, store)["day"].max() < load(told.test, store)["day"].min()


@pytest.mark.parametrize("order", [range(300), np.linspace(0, 1, 300), pd.date_range("2024-01-01", periods=300)])
def test_numbers_and_times_are_an_order(order: object, store: Store) -> None:
    made = made_from(customers().assign(no=order), store, split={"kind": "time", "column": "no"})
    assert load(made.train, store)["no"].max() < load(made.test, store)["no"].min()


def test_a_group_is_no_feature_unless_it_is_declared_one(store: Store) -> None:
    split = {"kind": "group", "column": "plan"}
    raw = customers().assign(plan=[f"p{number % 40}" for number in range(300)])
    assert "plan" not in [column.name for column in made_from(raw, store, split=split).data_schema.features]
    declared = made_from(raw, store, split=split, columns={"plan": {"kind": "category"}})
    assert "plan" in [column.name for column in declared.data_schema.features]


def test_an_image_has_one_range(digits: PreparedData, store: Store) -> None:
    schema = digits.data_schema
    assert schema.shape == (8, 8)
    assert [c.name for c in schema.features[:9]] == [*(f"pixel_0_{i}" for i in range(8)), "pixel_1_0"]
    assert {(c.low, c.high) for c in schema.features} == {(0.0, 16.0)}
    assert schema.classes == tuple("0123456789")


def test_an_image_without_a_pixel_is_set_aside(store: Store) -> None:
    image = {"input": "image", "shape": (1, 2)}
    raw = PIXELS.assign(pixel_0_1=PIXELS["pixel_0_1"].mask(PIXELS.index == 7))
    assert quarantined(made_from(raw, store, **image), store) == {7: "pixel_0_1: is missing"}


def test_a_name_of_an_answer_is_free_for_what_no_model_reads(store: Store) -> None:
    raw = customers().rename(columns={"target": "label", "age": "prediction"})
    made = made_from(raw, store, target="label", columns={"prediction": {"kind": "identifier"}})
    assert [column.name for column in made.data_schema.features] == ["plan"]


def test_large_numbers_that_stay_apart_are_fine(store: Store) -> None:
    raw = customers().assign(at=1_700_000_000 + np.arange(300) * 86_400, part=np.linspace(0, 1, 300) / 3)
    assert {"at", "part"} <= {column.name for column in made_from(raw, store).data_schema.features}


def test_the_positive_class_comes_second(cancer: PreparedData, store: Store) -> None:
    assert cancer.data_schema.classes == ("benign", "malignant")
    swapped = made_from(customers(), store, columns={"target": {"categories": ["yes", "no"]}})
    assert swapped.data_schema.classes == ("yes", "no")


PIXELS = pd.DataFrame({f"pixel_0_{i}": np.arange(60.0) for i in range(2)}).assign(target=["a", "b"] * 30)


@pytest.mark.parametrize(("frame", "given", "said"), [
    (customers().drop(columns="target"), {}, "column 'target' is named in conf and is not in the source"),
    (customers(), {"columns": {"agee": {"kind": "number"}}}, "Did you mean 'age'"),
    (customers(), {"ignore": ["plann"]}, "Did you mean 'plan'"),
    (customers(), {"columns": {"agee*": {"high": 20}}}, r"'agee\*' is named in conf and is not in.*Did you mean 'age'"),
    (customers(), {"ignore": ["note_*"]}, r"'note_\*' is named in conf and is not in"),
    (customers(), {"columns": {"Temp [C]": {"high": 20}}}, r"'Temp \[C\]' is named in conf and is not in"),
    (customers(), {"split": {"kind": "group", "column": "household"}}, "'household' is named in conf"),
    (customers(), {"columns": {"plan": {"kind": "number"}}}, "column 'plan' should be a number"),
    (customers().assign(target="yes"), {}, "one class only"),
    (customers().assign(target=None), {}, "'target' is named in conf and holds no value"),
    (customers().assign(target=list("abc") * 100), {"task": "binary"}, "has 3 classes"),
    (customers().assign(row=1), {}, "keeps for itself"),
    (customers()[["target", "day"]], {}, "would have nothing to read"),
    (customers(3), {"split": FEW}, "no rows for|one class only"),
    (customers(), {"columns": {"age": {"high": 1}}}, "300 of them in quarantine.*is above 1"),
    (customers().rename(columns={"age": "prediction"}), {}, "'prediction' has the name of an answer.*Rename"),
    (customers().rename(columns={"plan": "label"}), {}, "'label' has the name of an answer.*data.ignore"),
    (customers().assign(at=1_700_000_000 + np.arange(300) % 200), {}, "'at' has 1.. different values.*identifier"),
    (PIXELS, {"input": "image", "shape": (1, 3)}, r"'pixel_0_2'.*are not among the columns"),
    (PIXELS.assign(age=1.5), {"input": "image", "shape": (1, 2)}, r"\['age'\] are not pixels"),
    (PIXELS.assign(pixel_0_0=0.0, pixel_0_1=0.0, id=range(60)),
     {"input": "image", "shape": (1, 2), "split": {"kind": "time", "column": "id"}}, "nothing to see"),
    (customers().assign(target=[f"n{i}" for i in range(300)]), {}, "nearly every row is its own class"),
])
def test_bad_data_is_refused_by_name(frame: pd.DataFrame, given: dict[str, object], said: str, store: Store) -> None:
    with pytest.raises(DataError, match=said):
        made_from(frame, store, **given)


ADULT = ["age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
         "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"]


def test_adult(real_data: Path, store: Store) -> None:
    source = {"kind": "file", "path": str(real_data / "adult-train.csv"), "header": False, "names": ADULT,
              "missing": ["?"]}
    given = DataSettings.model_validate({"source": source, "target": "income"})
    prepared = prepare(collect(given, store), given, store)
    assert prepared.rows.total == 32_561
    assert prepared.rows.quarantine == 0
    assert prepared.data_schema.classes == ("<=50K", ">50K")
    kinds = {c.name: (c.kind, c.nullable, len(c.categories)) for c in prepared.data_schema.columns}
    assert kinds["age"] == ("number", False, 0)
    assert kinds["occupation"] == ("category", True, 14)


def test_pollution(real_data: Path, store: Store) -> None:
    source = {"kind": "file", "path": str(real_data / "pollution.csv")}
    split = {"kind": "time", "column": "No"}
    given = DataSettings.model_validate({"source": source, "target": "pm2.5", "split": split})
    prepared = prepare(collect(given, store), given, store)
    assert (prepared.rows.total, prepared.rows.quarantine) == (43_824, 2_067)
    assert prepared.data_schema.task == "regression"
    assert load(prepared.train, store)["No"].max() < load(prepared.validation, store)["No"].min()
