from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from conf.settings import load
from farrier.new import new
from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.errors import DataError, SettingsError
from tasks.optimization.recipes import plan
from tasks.store import Store
from tests.conftest import customers


@pytest.fixture
def projects(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of projects of the test's own."""
    folder = tmp_path / "projects"
    monkeypatch.setenv("FARRIER_PROJECTS", str(folder))
    return folder


@pytest.fixture
def frame() -> pd.DataFrame:
    return customers(400, seed=7)


def written(frame: pd.DataFrame, path: Path) -> Path:
    """The rows in the format that the name tells."""
    if ".csv" in path.name:
        frame.to_csv(path, index=False, sep=";", decimal=",")
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet", "rows.jsonl"])
def test_the_project_loads_and_its_data_stage_runs(projects: Path, store: Store, frame: pd.DataFrame, tmp_path: Path,
                                                   name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("churn", data=str(written(frame, tmp_path / name)), target="churned") == 0
    settings = load("churn")
    assert plan(settings.optimization, settings.training.families)
    assert settings.data.source.path == str(tmp_path / name)
    prepared = prepare(collect(settings.data, store), settings.data, store)
    assert (prepared.rows.total, prepared.rows.quarantine) == (400, 0)
    assert plan(settings.optimization, settings.training.families, prepared.data_schema)
    assert [column.name for column in prepared.data_schema.features] == ["age", "spent", "plan", "city"]
    assert "run churn" in capsys.readouterr().out


def test_a_relative_path_works_from_anywhere(projects: Path, frame: pd.DataFrame, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    written(frame, tmp_path / "rows.csv")
    monkeypatch.chdir(tmp_path)
    new("churn", data="rows.csv", target="churned")
    assert load("churn").data.source.path == str(tmp_path / "rows.csv")


def test_every_choice_stands_beside_its_reason(projects: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    new("churn", data=str(written(frame, tmp_path / "rows.csv")), target="churned", time="joined")
    lines = {line.strip().split(":")[0]: line for line in (projects / "churn.yaml").read_text().splitlines()}
    assert "18 to 89" in lines["age"]
    assert "basic" in lines["plan"]
    assert "test rows can show" in lines["margin"]
    assert "c00001" not in "".join(lines.values()), "an identifier's values are nobody's business"
    assert load("churn").data.split.kind == "time"


def test_a_split_that_lands_elsewhere_is_told_and_stands_beside_it(
    projects: Path, frame: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yearly = frame.assign(year=[2010] * 160 + [2011] * 80 + [2012] * 160)
    new("churn", data=str(written(yearly, tmp_path / "rows.csv")), target="churned", time="year")
    told, text = capsys.readouterr().out, (projects / "churn.yaml").read_text()
    for page in (told, text):
        assert "40 % test (asked: 30 %)" in page
    assert "2010 to 2012" in text


def test_names_that_mean_something_to_yaml_survive(projects: Path, store: Store, frame: pd.DataFrame,
                                                   tmp_path: Path) -> None:
    strange = {"age": "no", "plan": "a: b # c", "city": "'\"{", "churned": "[y]\ttab"}
    path = tmp_path / "rows.parquet"
    values = frame["plan"].replace({"basic": "x\ny: z", "family": "null"})
    frame.rename(columns=strange).assign(plan2=values).to_parquet(path)
    new("odd", data=str(path), target="[y]\ttab")
    settings = load("odd").data
    assert set(strange.values()) - {"[y]\ttab"} <= set(settings.columns)
    assert prepare(collect(settings, store), settings, store).rows.quarantine == 0


def test_a_dry_run_prints_and_writes_nothing(projects: Path, frame: pd.DataFrame, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    new("churn", data=str(written(frame, tmp_path / "rows.csv")), target="churned", dry_run=True)
    assert yaml.safe_load(capsys.readouterr().out)["data"]["target"] == "churned"
    assert not projects.exists()


def test_what_was_decided_as_json(projects: Path, frame: pd.DataFrame, tmp_path: Path,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    new("churn", data=str(written(frame, tmp_path / "rows.csv")), target="churned", group="customer", json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["project"], told["task"], told["file"]) == ("churn", "binary", str(projects / "churn.yaml"))
    assert told["split"]["kind"] == "group"
    assert told["columns"]["age"] == "number"
    assert told["next"].endswith("run churn")


@pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "a/b", "é"])
def test_a_name_that_is_none_is_refused(projects: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="letters, digits"):
        new(name, data="x.csv", target="y")


def test_a_project_is_replaced_only_by_force(projects: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = str(written(frame, tmp_path / "rows.csv"))
    new("churn", data=path, target="churned")
    with pytest.raises(SettingsError, match=r"already.*churn\.yaml.*--force"):
        new("churn", data=path, target="plan")
    assert load("churn").data.target == "churned"
    new("churn", data=path, target="plan", force=True)
    assert load("churn").data.target == "plan"


def test_a_project_of_the_checkout_is_not_hidden_by_chance(projects: Path) -> None:
    with pytest.raises(SettingsError, match="already"):
        new("digits", data="x.csv", target="y")


@pytest.mark.parametrize(("text", "options", "words"), [
    ("", {}, "is empty"),
    ("a,y\n", {}, "no rows"),
    ("a,y\n1,2\n3,2\n", {}, "one value only"),
    ("a,y\n" + "".join(f"{n % 3},u{n}\n" for n in range(40)), {}, "looks like an identifier"),
])
def test_rows_that_cannot_be_learned_from_are_refused(projects: Path, tmp_path: Path, text: str,
                                                      options: dict[str, Any], words: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        new("few", data=str(tmp_path / "rows.csv"), **{"target": "y", **options})
    assert not projects.exists()


@pytest.mark.parametrize(("given", "words"), [
    ({"data": "none.csv"}, r"none\.csv is not there"),
    ({"data": "."}, "is a folder"),
    ({"data": "rows.xyz"}, r"does not tell the format; these endings do: \.csv"),
    ({"target": "z"}, "no column 'z'"),
    ({"time": "z"}, "no column 'z'"),
])
def test_words_that_name_nothing_are_refused(projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             given: dict[str, Any], words: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "rows.xyz"):
        (tmp_path / name).write_text("a,y\n1,2\n")
    with pytest.raises(SettingsError, match=words):
        new("few", **{"data": "rows.csv", "target": "y", **given})
    assert not projects.exists()


@pytest.mark.parametrize(("given", "said"), [
    ({"delimiter": "::"}, "delimiter = '::'.* one character"),
    ({"columns": "a,a"}, "--columns: a stands there twice"),
    ({"columns": ",".join(["a_long_name"] * 500)}, "--columns: a_long_name stands there twice"),
    ({"columns": "latin.names"}, "--columns latin.names cannot be read: .* UTF-8"),
])
def test_options_that_cannot_be_are_refused(projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                            given: dict[str, Any], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n")
    (tmp_path / "latin.names").write_bytes("größe: continuous.\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=said):
        new("few", data=str(tmp_path / "rows.csv"), target="y", **given)


def test_time_and_group_exclude_each_other(projects: Path) -> None:
    with pytest.raises(SettingsError, match="choose one"):
        new("churn", data="x.csv", target="y", time="a", group="b")


def test_real_rows_without_a_header(projects: Path, store: Store, real_data: Path) -> None:
    names = ("age,workclass,weight,education,years,marital,occupation,relationship,race,sex,gain,loss,hours,country,"
             "income")
    new("adult", data=str(real_data / "adult-test.csv"), target="income", columns=names)
    settings = load("adult").data
    prepared = prepare(collect(settings, store), settings, store)
    assert prepared.data_schema.task == "binary"
    assert prepared.rows.quarantine == 0
    assert {column.kind for column in prepared.data_schema.features} == {"number", "category"}


NAMES = """| a comment
>50K, <=50K.

age: continuous.
plan: basic, family, premium.
"""


def test_names_and_a_test_file_as_they_are_published(projects: Path, frame: pd.DataFrame, tmp_path: Path,
                                                     store: Store) -> None:
    """As the Adult set comes: names without the answer's, no header, and labels that end in a dot in the test file."""
    rows = frame[["age", "plan", "churned"]]
    rows.head(300).to_csv(tmp_path / "train.csv", header=False, index=False)
    rows.tail(100).assign(churned=rows["churned"] + ".").to_csv(tmp_path / "test.csv", header=False, index=False)
    (tmp_path / "set.names").write_text(NAMES)
    new("shop", data=str(tmp_path / "train.csv"), target="churned", test=str(tmp_path / "test.csv"),
        columns=str(tmp_path / "set.names"))
    settings = load("shop").data
    prepared = prepare(collect(settings, store), settings, store)
    assert (prepared.rows.test, prepared.rows.quarantine) == (100, 0)
    assert prepared.data_schema.classes == ("no", "yes")
    assert [column.name for column in prepared.data_schema.features] == ["age", "plan"]


def test_what_may_leak_is_told_and_written(projects: Path, frame: pd.DataFrame, tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    told = frame.assign(left=frame["churned"].map({"yes": "gone", "no": "stays"}))
    new("churn", data=str(written(told, tmp_path / "rows.csv")), target="churned")
    assert "May leak (likely): 'left' alone takes away" in capsys.readouterr().out
    assert "# may leak (likely): 'left' alone" in (projects / "churn.yaml").read_text()


def test_two_ways_to_split_are_refused(projects: Path) -> None:
    with pytest.raises(SettingsError, match="choose one"):
        new("shop", data="a.csv", target="y", test="b.csv", time="day")
