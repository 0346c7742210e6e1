from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farrier.app import main
from farrier.predict import predict
from serving.package import PackageError
from tasks.deployment.releasing import release
from tasks.errors import SettingsError
from tasks.monitoring.log import window
from tasks.store import Store, path_of

TEXT = "age,spent,plan,city\n80,1,basic,Bern\nold,1,basic,Bern\n20,1,premium,\n"


@pytest.fixture
def live(pack_one: Callable[..., Any]) -> Path:
    """The folder of what the project `shop` serves."""
    packed = pack_one()
    made = release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())
    return path_of(made.package)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text(TEXT)
    return file


def test_rows_come_out_with_predictions(live: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("shop", rows) == 1
    out, told = capsys.readouterr()
    assert [line.split(",")[4] for line in out.splitlines()] == ["label", "yes", "", "no"]
    assert "3 rows by shop for cpu-server, v1" in told
    assert "1 could not be read; the first: row 1: column 'age': 'old' is not a number." in told


def test_good_rows_are_a_success(live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.csv").write_text(TEXT.replace("old", "41"))
    assert predict("shop", tmp_path / "good.csv", output=tmp_path / "out.parquet", json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": 3, "rejected": 0, "example": ""}
    assert (tmp_path / "out.parquet").exists()


def test_json_lines_from_a_pipe(live: Path, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"age": 80, "spent": 1, "plan": "basic", "city": null}\n'))
    assert predict("shop", Path("-")) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "yes"


def test_rows_as_json(live: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict("shop", rows, json=True)
    assert [json.loads(line)["label"] for line in capsys.readouterr().out.splitlines()] == ["yes", None, "no"]


def test_what_was_asked_is_logged_when_wanted(live: Path, rows: Path) -> None:
    predict("shop", rows)
    assert window("shop", "cpu-server").empty
    predict("shop", rows, log=True)
    logged = window("shop", "cpu-server")
    assert logged["age"].tolist() == [80.0, 20.0]
    assert logged["farrier_label"].tolist() == ["yes", "no"]


def test_a_damaged_release_answers_nothing(live: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (live / "profile.json").write_text("{}")
    with pytest.raises(PackageError, match=r"profile\.json"):
        predict("shop", rows)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("words", "said"), [
    (("shed", "rows.csv"), "digits, shop. To make one"),
    (("shopp", "rows.csv"), "Did you mean shop?"),
    (("shop", "none.csv"), "none.csv is not there"),
    (("shop", "."), "is a folder"),
    (("shop", "rows.xyz"), "its name does not tell the format"),
    (("shop", "rows.csv", "--target", "gpu"), "there is no target 'gpu'"),
    (("shop", "rows.csv", "--key", "none.pem"), "none.pem is not there"),
    (("shop", "rows.csv", "-o", "x.txt"), "these endings do: .csv, .jsonl, .ndjson, .parquet, .pq"),
    (("shop", "rows.csv", "-o", "x.json"), "Name it x.jsonl"),
    (("shop", "rows.csv", "-o", "x.csv.gz"), "does not tell what to write"),
])
def test_a_mistake_in_the_words_is_usage_and_writes_nothing(
    live: Path, rows: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(rows.parent)
    shutil.copy("rows.csv", "rows.xyz")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", *words])
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err
    assert not list(rows.parent.glob("x.*"))


def test_one_of_several_targets_must_be_named(live: Path, rows: Path, pack_one: Callable[..., Any]) -> None:
    other = pack_one(target="cpu-tiny")
    release(other.package, verdict=other.verdict, measurement=other.measurement, store=Store())
    with pytest.raises(SettingsError, match=r"released for cpu-server, cpu-tiny\. Choose one: --target cpu-server"):
        predict("shop", rows)
    assert predict("shop", rows, target="cpu-tiny") == 1


def test_another_package_in_its_place_answers_nothing(live: Path, rows: Path, pack_one: Callable[..., Any],
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(path_of(pack_one(0.1).package), live, dirs_exist_ok=True)
    with pytest.raises(PackageError, match="another one lies in its place"):
        predict("shop", rows)
    assert capsys.readouterr().out == ""
