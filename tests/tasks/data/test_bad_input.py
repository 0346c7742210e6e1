"""Whatever a file holds ends in a clear error, or in quarantine with the reason and the count; nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.data.collection import collect
from tasks.data.preparation import load, prepare
from tasks.data.settings import DataSettings
from tasks.data.sources._base import opened
from tasks.errors import DataError
from tasks.records import PreparedData
from tasks.store import Store

ROWS = "".join(f"{n % 17},{'ab'[n % 2]},{('no', 'yes')[n % 3 % 2]}\n" for n in range(300))


def prepared_from(content: str | bytes, store: Store, tmp_path: Path, **given: Any) -> PreparedData:
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = DataSettings.model_validate({"source": {"kind": "file", "path": str(path)}, "target": "y", **given})
    return prepare(collect(settings, store), settings, store)


@pytest.mark.parametrize(("content", "said"), [
    ("", "is empty: it has neither names nor rows"),
    ("a,b,y\n", "has names of columns and no rows"),
    ("a,b,y\n" + ROWS + "1,a,no,extra\n", "Expected 3 fields in line 302, saw 4"),
    (("a,b,y\n" + ROWS).encode() + "1,Zürich,no\n".encode("latin-1"), "'utf-8' codec can't decode byte 0xfc"),
    (("a,b,y\n" + ROWS).encode("utf-16"), "'utf-8' codec can't decode byte 0xff"),
    ("a,b,y\n" + ROWS + '1,"x,no\n' + ROWS, "EOF inside string starting at row 301"),
    ("a,a,y\n" + ROWS, "two columns are called 'a'"),
    ("row,b,y\n" + ROWS, "names that farrier keeps for itself"),
    ("label,b,y\n" + ROWS, "has the name of an answer"),
    ("n,y\n" + "".join(f"v{n % 22_000},{('no', 'yes')[n % 2]}\n" for n in range(60_000)), r"'n' has 1\d,\d+ cat"),
])
def test_a_file_that_cannot_be_taken_is_refused(content: str | bytes, said: str, store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        prepared_from(content, store, tmp_path)


@pytest.mark.parametrize(("lines", "reasons"), [
    ("a,b,y\n", ["a: 'a' is not a number"]),
    ("1,a\n", ["y: is missing"]),
    ("1,a,maybe\n", ["y: class 'maybe' never occurs in train"]),
    ("1,a,\n" * 3, ["y: is missing"] * 3),
    ("inf,a,no\n-inf,b,yes\n1e400,a,no\n", ["a: inf is infinite", "a: -inf is infinite", "a: inf is infinite"]),
    ("=1+1,a,no\n", ["a: '=1+1' is not a number"]),
    ("1,x\0y,no\n", [r"b: 'x\x00y' holds a NUL, which no text has"]),
])
def test_a_row_that_cannot_be_taken_is_put_aside(lines: str, reasons: list[str], store: Store, tmp_path: Path) -> None:
    prepared = prepared_from("a,b,y\n" + ROWS + lines, store, tmp_path)
    assert load(prepared.quarantine, store)["reason"].tolist() == reasons
    assert prepared.rows.total == 300 + len(reasons)


@pytest.mark.parametrize("content", [
    "\ufeffa,b,y\n" + ROWS, ("a,b,y\n" + ROWS).replace("\n", "\r\n"), "a,b,y\n\n\n" + ROWS + "\n\n",
    "a,b,y\n" + ROWS.replace("0,a,no", '0,"a",no')])
def test_harmless_spellings_change_nothing(content: str, store: Store, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = prepared_from("a,b,y\n" + ROWS, store, tmp_path / "plain")
    assert prepared_from(content, store, tmp_path).train == plain.train


@pytest.mark.parametrize("line", ['1,"x\ny",no\n', f"1,{'x' * 3_000_000},no\n", "1e-310,=cmd|' /C calc'!A0,no\n"])
def test_strange_values_are_values(line: str, store: Store, tmp_path: Path) -> None:
    prepared = prepared_from("a,b,y\n" + ROWS + line, store, tmp_path)
    assert (prepared.rows.total, prepared.rows.quarantine) == (301, 0)


def test_a_column_without_a_value_is_left_out(store: Store, tmp_path: Path) -> None:
    rows = "".join(f"{line},\n" for line in ROWS.splitlines())
    assert [c.name for c in prepared_from("a,b,y,z\n" + rows, store, tmp_path).data_schema.columns] == ["a", "b"]


def test_a_name_like_a_path_is_a_name(store: Store, tmp_path: Path) -> None:
    prepared = prepared_from("../../etc/passwd,b,y\n" + ROWS, store, tmp_path)
    assert [column.name for column in prepared.data_schema.features] == ["../../etc/passwd", "b"]


@pytest.mark.parametrize(("first", "moments"), [("2024-01-01", 301), ("9999-12-31", 301), ("0001-01-01", 301)])
def test_days_at_the_ends_of_the_calendar_are_days(first: str, moments: int, store: Store, tmp_path: Path) -> None:
    rows = "".join(f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d},{line}\n" for n, line in enumerate(ROWS.splitlines()))
    prepared = prepared_from(f"d,a,b,y\n{rows}{first},1,a,no\n", store, tmp_path)
    assert (prepared.rows.total - prepared.rows.quarantine, prepared.data_schema.columns[0].kind) == (moments, "time")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,y\n" + ROWS)

    def read_while_another_writes() -> None:
        with opened(str(path), "csv") as file:
            file.readline()
            path.write_text("a,b,y\n1,a,no\n")

    with pytest.raises(DataError, match="changed while it was read"):
        read_while_another_writes()
