from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tasks.data import tables
from tasks.data.sources.file import File
from tasks.errors import DataError


def rows_of(tmp_path: Path, name: str, content: str | bytes, **options: object) -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    return tables.read(File.model_validate({"path": str(path), **options}).collect(folder))


def zipped(content: bytes) -> bytes:
    """Packed, without the time of day: it would be part of the names of the tests."""
    return gzip.compress(content, mtime=0)


def flipped(content: bytes) -> bytes:
    """The same bytes, but for a few in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle:middle + 40]) + content[middle + 40:]


@pytest.mark.parametrize(("name", "content", "options"), [
    ("plain.csv", "a,b\n1,x\n2,\n", {}),
    ("tabs.tsv", "a\tb\n1\tx\n2\t\n", {}),
    ("semicolons.csv", "a;b\n1;x\n2;\n", {"delimiter": ";"}),
    ("spaces.csv", "a, b\n 1 , x \n\n2, \n\n", {}),
    ("marks.csv", "a,b\n1,x\n2,?\n", {"missing": ["?"]}),
    ("bare.csv", "1,x\n2,\n", {"header": False, "names": ["a", "b"]}),
    ("renamed.csv", "p,q\n1,x\n2,\n", {"names": ["a", "b"]}),
    ("notes.csv", "made by hand\na,b # names\n1,x # one\n2,\n", {"skip_lines": 1, "comment": "#"}),
    ("packed.csv.gz", zipped(b"a,b\n1,x\n2,\n"), {}),
    ("packed.csv.bz2", bz2.compress(b"a,b\n1,x\n2,\n"), {}),
    ("packed.csv.xz", lzma.compress(b"a,b\n1,x\n2,\n"), {}),
    ("packed.csv.zst", pa.compress(b"a,b\n1,x\n2,\n", "zstd", asbytes=True), {}),
    ("white.data", "a b\n1   x\n2 \t?\n", {"delimiter": r"\s+", "missing": ["?"]}),
    ("lines.jsonl.zst", pa.compress(b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n', "zstd", asbytes=True), {}),
    ("stated.dump", "a,b\n1,x\n2,\n", {"format": "csv"}),
    ("lines.jsonl", '{"a": 1, "b": "x"}\n\n{"a": 2}\n', {}),
    ("lines.jsonl.gz", zipped(b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'), {}),
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


@pytest.mark.parametrize(("options", "good", "plain"), [
    ({"delimiter": ";", "decimal": ","}, "12,5", "12.5"),
    ({"delimiter": ";", "thousands": "."}, "1.250", "1250"),
    ({"delimiter": ";", "decimal": ",", "thousands": "."}, "-1.250,5", "-1250.5"),
])
def test_one_dirty_cell_leaves_the_numbers_readable(tmp_path: Path, options: dict[str, object], good: str,
                                                    plain: str) -> None:
    content = "a;b\n" + f"{good};x\n" * 3 + "oops, no. 1;y\n;z\n"
    frame = rows_of(tmp_path, "dirty.csv", content, **options)
    assert frame["a"].tolist()[:4] == [plain] * 3 + ["oops, no. 1"]
    assert frame["a"].isna().tolist() == [False] * 4 + [True]


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
    ("wide.csv", "a,b\n1,2,3\n4,5,6\n", "more values than names"),
    ("twice.csv", "a ,a\n1,2\n", "two columns are called 'a'"),
    ("broken.zip.csv.zip", b"PK no zip at all", "cannot be read as csv"),
    ("broken.csv.xz", b"no xz at all", "cannot be read as csv"),
    ("broken.csv.bz2", b"no bz2 at all", "cannot be read as csv"),
    ("broken.csv.zst", b"no zst at all", "cannot be read as csv"),
    ("flipped.csv.gz", flipped(zipped(b"".join(b"%d,%d\n" % (n * 7919 % 1000, n) for n in range(9999)))),
     "cannot be read as csv"),
    ("deep.jsonl", "[" * 100_000 + "\n", "cannot be read as jsonl"),
    ("other.csv", b"a\n\xff\xfe\xfd\n", "cannot be read as csv"),
    ("broken.jsonl", '{"a": 1}\n{"a": ', "cannot be read as jsonl"),
    ("list.jsonl", "[1, 2]\n", "an object should be"),
    ("broken.parquet", b"PAR1 no", "cannot be read as parquet"),
    ("cut.csv.gz", zipped(b"a,b\n" + b"1,2\n" * 99)[:30], "cannot be read as csv"),
    ("strange.xyz", "a\n1\n", "State data.source.format"),
])
def test_what_cannot_be_read_is_named_with_the_way_out(tmp_path: Path, name: str, content: str | bytes,
                                                       said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        rows_of(tmp_path, name, content)
    assert name in str(caught.value)


@pytest.mark.parametrize(("options", "said"), [
    ({"encoding": "utf-9"}, "unknown encoding: utf-9"), ({"encoding": "hex"}, "not a text encoding"),
    ({"delimiter": "::"}, "delimiter"), ({"delimiter": ""}, "delimiter")])
def test_options_that_cannot_be_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        File.model_validate({"path": "a.csv", **options})


def test_too_few_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more values than names"):
        rows_of(tmp_path, "a.csv", "1,2,3\n4,5,6\n", header=False, names=["a", "b"])


def test_a_delimiter_at_the_end_of_each_line_is_no_column(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "a.csv", "a,b\n1,2,\n3,4,\n")["b"].tolist() == [2, 4]


def test_a_number_that_64_bits_cannot_hold_stays_text(tmp_path: Path) -> None:
    frame = rows_of(tmp_path, "long.jsonl", '{"a": 123456789012345678901}\n{"a": 1}\n')
    assert frame["a"].tolist() == ["123456789012345678901", "1"]


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


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, content in files.items():
        path = tmp_path / "rows" / name.replace("__", "/").replace("_csv", ".csv").replace("_jsonl", ".jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "rows"


def collected(tmp_path: Path, **options: object) -> pd.DataFrame:
    (tmp_path / "out").mkdir(exist_ok=True)
    return tables.read(File.model_validate(options).collect(tmp_path / "out"))


def test_a_folder_stands_for_its_files_and_their_partitions(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, **{"year=2024__b_csv": "a,b\n3,x\n", "year=2023__a_csv": "a,b\n1,y\n2,\n",
                                    "_notes_csv": "no rows"})
    frame = collected(tmp_path, path=str(folder), origin="part")
    assert frame.fillna("").to_dict("list") == {"a": [1, 2, 3], "b": ["y", "", "x"], "year": [2023, 2023, 2024],
                                     "part": ["a.csv", "a.csv", "b.csv"]}
    assert frame.equals(collected(tmp_path, path=f"{folder}/**/*.csv", origin="part"))
    assert frame.equals(collected(tmp_path, path=f"{folder.as_uri()}/", origin="part"))


def test_several_files_are_read_as_one_in_their_order(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train_csv="a,b\n1,x\n", test_csv="b,a\ny,oops\n")
    frame = collected(tmp_path, path=[str(folder / "train.csv"), str(folder / "test.csv")])
    assert frame.to_dict("list") == {"a": ["1", "oops"], "b": ["x", "y"]}


def test_rows_of_several_json_files_may_lack_columns(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a_jsonl='{"a": 1}\n', b_jsonl='{"a": 2.5, "b": "x"}\n')
    assert collected(tmp_path, path=str(folder)).fillna("").to_dict("list") == {"a": [1.0, 2.5], "b": ["", "x"]}


def test_identity_follows_every_file_of_a_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, a_csv="a\n1\n")
    source = File(path=str(folder))
    before = source.identity()
    folder_of(tmp_path, b_csv="a\n2\n")
    assert before != source.identity()


@pytest.mark.parametrize(("files", "options", "said"), [
    ({"a_csv": "a\n1\n", "b_csv": "c\n1\n"}, {}, r"do not have the same columns: \['a', 'c'\]"),
    ({"a_csv": "a\n1\n", "b_jsonl": '{"a": 1}'}, {}, r"several formats, \['csv', 'jsonl'\]"),
    ({"a_jsonl": '{"a": 1}', "b_jsonl": '{"a": "x"}'}, {}, "do not fit under each other"),
    ({"notes": "no rows"}, {}, "stands for no file"),
    ({"a_csv": "a\n1\n"}, {"origin": "a"}, "has a column 'a' already"),
])
def test_files_that_do_not_belong_together_are_named(tmp_path: Path, files: dict[str, str], options: dict[str, str],
                                                     said: str) -> None:
    with pytest.raises(DataError, match=said):
        collected(tmp_path, path=str(folder_of(tmp_path, **files)), **options)


def test_a_pattern_at_a_place_that_nothing_here_reads_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere://rows/\*\.csv cannot be looked through: .*Mend data.source.path"):
        collected(tmp_path, path="nowhere://rows/*.csv")


def test_what_is_nested_becomes_columns_of_its_own(tmp_path: Path) -> None:
    rows = [{"a": 1, "home": {"city": "Bern", "at": {"lat": 46.9}}}, {"a": 2, "home": {"city": None, "at": None}}]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    for name in ("r.jsonl", "r.parquet"):
        frame = collected(tmp_path, path=str(tmp_path / name))
        assert frame[["a", "home.city", "home.at.lat"]].fillna(0).to_dict("list") == {
            "a": [1, 2], "home.city": ["Bern", 0], "home.at.lat": [46.9, 0]}
