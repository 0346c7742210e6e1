from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.package import Package, open_package
from serving.prediction import Answered
from serving.signature import read_keys
from tasks.deployment.prediction import predict
from tasks.deployment.signing import trusted_keys
from tasks.deployment.streams import CHUNK
from tasks.errors import DataError
from tasks.store import path_of

ROWS = [{"age": 80.0, "spent": 1.5, "plan": "basic", "city": "Bern", "note": "a"},
        {"age": None, "spent": 2.0, "plan": "premium", "city": None, "note": "b"},
        {"age": 20.0, "spent": None, "plan": None, "city": "", "note": "c"}]


@pytest.fixture
def package(pack_one: Callable[..., Any]) -> Package:
    return open_package(path_of(pack_one().package), read_keys(trusted_keys()))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows in the format that the name tells."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix in (".csv", ".gz"):
        with (gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w")) as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(json.dumps(rows) if path.suffix == ".json" else "".join(json.dumps(r) + "\n" for r in rows))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_text())))
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.json", "in.jsonl", "in.parquet"])
def test_every_format_in_and_out_gives_the_same_answers(package: Package, tmp_path: Path, name: str, out: str) -> None:
    done = predict(package, write(tmp_path / name, ROWS), tmp_path / out)
    assert (done.rows, done.rejected) == (3, 0)
    rows = read(tmp_path / out)
    assert [row["label"] for row in rows] == ["yes", "no", "no"]
    assert [row["note"] for row in rows] == ["a", "b", "c"]
    assert float(rows[0]["probability_yes"]) == pytest.approx(1 / (1 + math.exp(-(26 / 15 + 1))), abs=1e-6)
    assert list(rows[0]) == [*ROWS[0], "label", "probability_no", "probability_yes", "error"]


def test_a_csv_holds_no_formula(package: Package, tmp_path: Path) -> None:
    """A spreadsheet would run it; JSON lines hold it as it came."""
    rows = [{**ROWS[0], "note": "=cmd|' /C calc'!A0"}]
    predict(package, write(tmp_path / "in.jsonl", rows), tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")[0]["note"] == "'=cmd|' /C calc'!A0"
    predict(package, write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl")[0]["note"] == "=cmd|' /C calc'!A0"


def test_a_row_that_cannot_be_read_keeps_the_reason_and_the_others_go_on(package: Package, tmp_path: Path) -> None:
    rows = [dict(ROWS[number % 3]) for number in range(50)]
    rows[17]["age"], rows[31]["spent"] = "old", "inf"
    done = predict(package, write(tmp_path / "in.csv", rows), tmp_path / "out.csv")
    assert (done.rows, done.rejected) == (50, 2)
    assert done.example == "row 17: column 'age': 'old' is not a number."
    out = read(tmp_path / "out.csv")
    assert [place for place, row in enumerate(out) if row["error"]] == [17, 31]
    assert "infinite" in out[31]["error"]
    assert out[17]["label"] == ""
    assert out[17]["note"] == rows[17]["note"]
    assert out[18]["label"] == "yes"


def test_a_json_row_without_a_column_is_faulty_alone(package: Package, tmp_path: Path) -> None:
    rows = [ROWS[0], {"age": 3}]
    assert predict(package, write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl").rejected == 1
    assert read(tmp_path / "out.jsonl")[1]["error"] == "has no column 'spent', 'plan', 'city'"


def test_rows_are_answered_in_chunks_in_their_order(package: Package, tmp_path: Path) -> None:
    rows = [{**ROWS[number % 3], "note": str(number)} for number in range(CHUNK + 3)]
    sizes: list[int] = []
    done = predict(package, write(tmp_path / "in.csv", rows), tmp_path / "out.csv",
                   seen=lambda answered: sizes.append(len(answered.rows)))
    assert sizes == [CHUNK, 3]
    assert done.rows == CHUNK + 3
    assert [row["note"] for row in read(tmp_path / "out.csv")] == [str(number) for number in range(CHUNK + 3)]


def test_a_column_of_the_input_is_never_overwritten(package: Package, tmp_path: Path) -> None:
    predict(package, write(tmp_path / "in.csv", [{**ROWS[0], "label": "mine", "error": "none"}]), tmp_path / "out.csv")
    row = read(tmp_path / "out.csv")[0]
    assert (row["label"], row["label_predicted"], row["error"], row["error_predicted"]) == ("mine", "yes", "none", "")


def test_a_table_that_lacks_a_column_is_refused_as_a_whole(package: Package, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"agee": 3, "spent": 1, "plan": "basic", "city": "Bern"}])
    with pytest.raises(DataError, match=r"has no column age; .*Did you mean 'agee' for 'age'"):
        predict(package, source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_nothing_half_written_is_left(package: Package, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("before")
    (tmp_path / "in.json").write_text('[{"age": 1, "spent": 1, "plan": "a", "city": "b"}, {"age"')
    with pytest.raises(DataError, match="breaks off"):
        predict(package, tmp_path / "in.json", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "before"
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(("name", "content", "said"), [
    ("in.csv", b"", "no first line"), ("in.csv", b"age,city\n\xff\xfe,1\n", "not UTF-8"),
    ("in.parquet", b"no parquet", "cannot be read as parquet"), ("in.csv.gz", b"no gzip", "cannot be read as csv"),
    ("in.rows", b"", "does not tell the format"),
    ("in.csv.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 9, "cannot be read as csv"),
    ("in.json", b'[{"age": 1, "city": "a"}] {"age": 2}', 'after the JSON array stands \'{"age": 2}\''),
    ("in.json", b"[" * 200_000, "nested too deeply"),
])
def test_a_file_that_is_no_table_is_named(package: Package, tmp_path: Path, name: str, content: bytes,
                                          said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        predict(package, tmp_path / name, tmp_path / "out.csv")


def test_a_file_that_is_not_there_is_named(package: Package, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv is not there"):
        predict(package, tmp_path / "absent.csv", tmp_path / "out.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv cannot be opened: Is a directory"):
        predict(package, tmp_path / "folder.csv", tmp_path / "out.csv")
    with pytest.raises(DataError, match="cannot be written to a pipe"):
        predict(package, write(tmp_path / "in.csv", ROWS), output_format="parquet")


def test_no_rows_give_no_rows(package: Package, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("age,spent,plan,city\n")
    assert predict(package, tmp_path / "in.csv", tmp_path / "out.csv").rows == 0
    assert (tmp_path / "out.csv").read_text().startswith("age,spent,plan,city,label")
    assert predict(package, tmp_path / "in.csv", tmp_path / "out.parquet").rows == 0
    assert read(tmp_path / "out.parquet") == []


def test_a_column_that_changes_its_type_needs_another_format(package: Package, tmp_path: Path) -> None:
    rows = [{**ROWS[0], "note": number if number < CHUNK else "x"} for number in range(CHUNK + 1)]
    with pytest.raises(DataError, match="changes its type on the way"):
        predict(package, write(tmp_path / "in.jsonl", rows), tmp_path / "out.parquet")


def test_a_row_without_a_finite_answer_is_an_error_and_no_label(package: Package, tmp_path: Path) -> None:
    def run(inputs: Any) -> dict[str, Any]:
        found = dict(package.run(inputs))
        unsure = np.isnan(inputs["age"])
        return found | {"probabilities": np.where(unsure, np.nan, found["probabilities"])}

    seen: list[Answered] = []
    done = predict(replace(package, run=run), write(tmp_path / "in.csv", ROWS), tmp_path / "out.jsonl",
                   seen=seen.append)
    assert (done.rows, done.rejected) == (3, 1)
    assert "row 1: has values to which the model answers no finite number" in done.example
    assert [row["label"] for row in read(tmp_path / "out.jsonl")] == ["yes", None, "no"]
    assert [len(array) for array in (*seen[0].inputs.values(), *seen[0].answers.values())] == [2] * 6
