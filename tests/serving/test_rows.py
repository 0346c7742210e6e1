from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.inputs import InputError
from serving.rows import ABSENT, BLOCK, Row, chunks, csv_rows, json_rows, within


def from_csv(text: str, wanted: tuple[str, ...] = ("a", "b")) -> tuple[list[str], list[Row]]:
    names, rows = csv_rows(io.StringIO(text), wanted)
    return names, list(rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_shows_the_columns(delimiter: str) -> None:
    names, rows = from_csv(f"a{delimiter}b\n1{delimiter}x\n")
    assert names == ["a", "b"]
    assert rows == [Row({"a": "1", "b": "x"})]


def test_a_quoted_cell_may_hold_delimiters_and_line_ends() -> None:
    assert from_csv('a,b\n"1,5","two\nlines"\n')[1] == [Row({"a": "1,5", "b": "two\nlines"})]


def test_a_row_of_another_length_keeps_the_reason() -> None:
    rows = from_csv("a,b\n1\n1,2,3\n1,2\n")[1]
    assert [row.error for row in rows] == ["has 1 values; the first line names 2 columns",
                                           "has 3 values; the first line names 2 columns", ""]
    assert rows[0].values == {"a": "1"}


def test_empty_lines_are_no_rows() -> None:
    assert len(from_csv("a,b\n\n1,2\n\n")[1]) == 1


@pytest.mark.parametrize(("text", "said"), [("", "no first line"), ("\n1,2", "no first line"),
                                            ("a,a\n1,2", r"\['a'\] more than once")])
def test_a_first_line_that_names_nothing(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_csv(text)


def test_a_cell_beyond_csvs_own_limit_is_one_faulty_row() -> None:
    rows = from_csv(f"a,b\n1,{'x' * 200_000}\n3,4\n")[1]
    assert "field larger than field limit" in rows[0].error
    assert rows[-1] == Row({"a": "3", "b": "4"})


def test_json_lines_keep_what_they_cannot_read() -> None:
    rows = list(json_rows(io.StringIO('\n{"a": 1}\n\n{"a": \n[1]\n"text"\n{"a": null}')))
    assert [row.values for row in rows] == [{"a": 1}, {}, {}, {}, {"a": None}]
    assert [bool(row.error) for row in rows] == [False, True, True, True, False]
    assert rows[2].error == "is [1]; an object of column names and values is needed"


members = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=8), max_size=3)


@given(st.lists(members, max_size=6), st.sampled_from([None, 1]))
def test_an_array_is_read_as_lines_are(values: list[dict[str, Any]], indent: int | None) -> None:
    expected = [Row(value) for value in values]
    assert list(json_rows(io.StringIO(json.dumps(values, indent=indent)))) == expected
    assert list(json_rows(io.StringIO("".join(json.dumps(value) + "\n" for value in values)))) == expected


def test_an_array_longer_than_a_block() -> None:
    values = [{"a": "x" * (BLOCK // 3), "n": number} for number in range(10)]
    assert [row.values["n"] for row in json_rows(io.StringIO(json.dumps(values, indent=1)))] == list(range(10))


def test_an_array_member_that_is_no_object_is_a_faulty_row() -> None:
    rows = list(json_rows(io.StringIO('[{"a": 1}, 12, {"a": 2}]')))
    assert rows[1].error == "is 12; an object of column names and values is needed"
    assert rows[2].values == {"a": 2}


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a"', '[{"a": 1} nonsense]', "["])
def test_an_array_that_breaks_off(text: str) -> None:
    with pytest.raises(InputError, match="breaks off or is faulty"):
        list(json_rows(io.StringIO(text)))


@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
def test_chunks_lose_nothing(items: list[int], size: int) -> None:
    cut = list(chunks(iter(items), size))
    assert [item for chunk in cut for item in chunk] == items
    assert all(len(chunk) == size for chunk in cut[:-1])


@pytest.mark.parametrize(("values", "found"), [
    ({"a.b": 1}, 1), ({"a": {"b": 1}}, 1), ({"a": {"b": {"c": 1}}}, {"c": 1}), ({"a": None}, None), ({"a": {}}, ABSENT),
    ({"a": 3}, ABSENT), ({"b": 1}, ABSENT), ({}, ABSENT)])
def test_a_column_may_be_within_an_object(values: dict[str, Any], found: Any) -> None:
    assert within(values, "a.b") == found
