from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data import tables
from tasks.data.sources.file import File
from tasks.errors import DataError


def rows_of(tmp_path: Path, name: str, content: str | bytes, **options: object) -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    return tables.read(File.model_validate({"path": str(path), **options}).collect(folder))


@pytest.mark.parametrize(("name", "content", "options"), [
    ("plain.csv", "a,b\n1,x\n2,\n", {}),
    ("tabs.tsv", "a\tb\n1\tx\n2\t\n", {}),
    ("semicolons.csv", "a;b\n1;x\n2;\n", {"delimiter": ";"}),
    ("spaces.csv", "a, b\n 1 , x \n\n2, \n\n", {}),
    ("marks.csv", "a,b\n1,x\n2,?\n", {"missing": ["?"]}),
    ("bare.csv", "1,x\n2,\n", {"header": False, "names": ["a", "b"]}),
    ("renamed.csv", "p,q\n1,x\n2,\n", {"names": ["a", "b"]}),
    ("notes.csv", "made by hand\na,b # names\n1,x # one\n2,\n", {"skip_lines": 1, "comment": "#"}),
    ("packed.csv.gz", gzip.compress(b"a,b\n1,x\n2,\n"), {}),
    ("stated.dump", "a,b\n1,x\n2,\n", {"format": "csv"}),
    ("lines.jsonl", '{"a": 1, "b": "x"}\n\n{"a": 2}\n', {}),
    ("lines.jsonl.gz", gzip.compress(b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'), {}),
])
def test_every_spelling_gives_the_same_rows(tmp_path: Path, name: str, content: str | bytes,
                                            options: dict[str, object]) -> None:
    frame = rows_of(tmp_path, name, content, **options)
    assert frame["a"].tolist() == [1, 2]
    assert frame["a"].dtype == "int64"
    assert frame["b"].tolist()[0] == "x"
    assert frame["b"].isna().tolist() == [False, True]


def test_numbers_are_numbers_only_where_nothing_is_lost(tmp_path: Path) -> None:
    frame = rows_of(tmp_path, "kinds.csv", "zip,many,part,dirty,long\n007,1,0.5,1,12345678901234567890\n"
                                           "123,,2,oops,1\n")
    assert frame["zip"].tolist() == ["007", "123"]
    assert frame["dirty"].tolist() == ["1", "oops"]
    assert frame["long"].tolist()[0] == "12345678901234567890"
    assert frame["part"].tolist() == [0.5, 2.0]
    stored = pq.read_schema(tmp_path / "out" / "snapshot.parquet")
    assert stored.field("many").type == pa.int64()


def test_european_numbers(tmp_path: Path) -> None:
    frame = rows_of(tmp_path, "eu.csv", "a;b\n1.234,5;x\n2,25;y\n", delimiter=";", decimal=",", thousands=".")
    assert frame["a"].tolist() == [1234.5, 2.25]


def test_another_encoding(tmp_path: Path) -> None:
    frame = rows_of(tmp_path, "latin.csv", "a,b\n1,Zürich\n".encode("latin-1"), encoding="latin-1")
    assert frame["b"].tolist() == ["Zürich"]


def test_parquet_comes_as_it_is(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([1, None], pa.int32()), "b": pa.array(["x", "y"]).dictionary_encode()}),
                   tmp_path / "t.parquet")
    frame = rows_of(tmp_path, "u.parquet", (tmp_path / "t.parquet").read_bytes())
    assert frame["b"].tolist() == ["x", "y"]
    assert tables.types(tmp_path / "out" / "snapshot.parquet")["a"] == "int32"


def test_json_values_of_several_types_become_text(tmp_path: Path) -> None:
    frame = rows_of(tmp_path, "m.jsonl", '{"a": 1, "b": [1]}\n{"a": "x", "b": [2]}\n')
    assert frame["a"].tolist() == ["1", "x"]
    assert frame["b"].tolist() == ["[1]", "[2]"]


def test_a_url_is_a_path_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    source = File(path=(tmp_path / "a.csv").as_uri())
    assert tables.read(source.collect(tmp_path))["a"].tolist() == [1]
    assert source.identity() is None


@pytest.mark.parametrize(("name", "content", "said"), [
    ("empty.csv", "", "is empty"),
    ("ragged.csv", "a,b\n1,2\n1,2,3,4\n", "cannot be read as csv"),
    ("other.csv", b"a\n\xff\xfe\xfd\n", "cannot be read as csv"),
    ("broken.jsonl", '{"a": 1}\n{"a": ', "cannot be read as jsonl"),
    ("list.jsonl", "[1, 2]\n", "an object should be"),
    ("broken.parquet", b"PAR1 no", "cannot be read as parquet"),
    ("cut.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:30], "cannot be read as csv"),
    ("strange.xyz", "a\n1\n", "State data.source.format"),
])
def test_what_cannot_be_read_is_named_with_the_way_out(tmp_path: Path, name: str, content: str | bytes,
                                                       said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        rows_of(tmp_path, name, content)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    source = File(path=str(tmp_path / "gone.csv"))
    assert source.identity() is None
    with pytest.raises(DataError, match=r"there is no file .*gone\.csv"):
        source.collect(tmp_path)


def test_identity_follows_bytes_and_options(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    before = File(path=str(path)).identity()
    assert before == File(path=str(path)).identity()
    assert before != File(path=str(path), header=False).identity()
    path.write_text("a\n2\n")
    assert before != File(path=str(path)).identity()


def test_a_relative_path_starts_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    assert tables.read(File(path="a.csv").collect(tmp_path))["a"].tolist() == [1]
