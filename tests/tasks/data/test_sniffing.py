from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tasks.data.sniffing import sniffed
from tasks.data.sources.file import MISSING
from tasks.data.tables import read
from tasks.errors import DataError


@pytest.mark.parametrize(("text", "delimiter"), [
    ("a,b\n1,2\n3,4\n", None),
    ("a;b\n1,5;2\n3,0;4\n", ";"),
    ("a\tb\n1\t2\n", "\t"),
    ("a|b|c\n1|2,5|3\n", "|"),
    ('name,said\nann,"x;y;z"\nbob,"u;v;w"\n', None),
    ("alone\n1\n2\n", None),
])
def test_the_delimiter_is_found_out(tmp_path: Path, text: str, delimiter: str | None) -> None:
    (tmp_path / "rows.csv").write_text(text)
    assert sniffed(str(tmp_path / "rows.csv")).delimiter == delimiter


@pytest.mark.parametrize(("text", "decimal"), [("a;b\n1,5;x\n", ","), ("a;b\n1.5;x\n", "."), ("a;b\n1.5;1,234\n", ".")])
def test_the_decimal_sign_is_found_out(tmp_path: Path, text: str, decimal: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    assert sniffed(str(tmp_path / "rows.csv")).decimal == decimal


def test_packed_rows_in_an_old_encoding_come_out_right(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "rows.csv.gz", "wb") as file:
        file.write("city;size\nZürich;1,5\n?;2,5\n".encode("cp1252"))
    source = sniffed(str(tmp_path / "rows.csv.gz"))
    assert (source.encoding, source.missing) == ("cp1252", (*MISSING, "?"))
    rows = read(source.collect(tmp_path))
    assert rows["city"].iloc[0] == "Zürich"
    assert rows["city"].isna().tolist() == [False, True]
    assert rows["size"].tolist() == [1.5, 2.5]


def test_a_character_cut_by_the_heads_end_is_no_other_encoding(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"a,b\nx" + "é".encode() * 200_000 + b",1\n")
    assert sniffed(str(tmp_path / "rows.csv")).encoding == "utf-8"


def test_names_stand_for_a_header(tmp_path: Path) -> None:
    (tmp_path / "rows.data").write_text("1, x\n2, y\n")
    rows = read(sniffed(str(tmp_path / "rows.data"), names=("size", "kind")).collect(tmp_path))
    assert rows.to_dict("list") == {"size": [1, 2], "kind": ["x", "y"]}


def test_a_long_field_is_one_field(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a;b\n1;2\n" + "x" * 300_000 + ";3\n")
    assert sniffed(str(tmp_path / "rows.csv")).delimiter == ";"


def test_white_space_may_stand_between_values(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a  b\n1,5 ?\n")
    found = sniffed(str(tmp_path / "rows.csv"), delimiter=r"\s+")
    assert (found.delimiter, found.decimal, found.missing) == (r"\s+", ",", (*MISSING, "?"))


def test_only_what_differs_is_set(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    assert sniffed(str(tmp_path / "rows.csv")).model_fields_set <= {"kind", "path", "delimiter", "encoding", "decimal",
                                                                    "missing"}
    assert sniffed("rows.parquet").model_dump(exclude_defaults=True) == {"path": "rows.parquet"}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nope\.csv"):
        sniffed(str(tmp_path / "nope.csv"))
