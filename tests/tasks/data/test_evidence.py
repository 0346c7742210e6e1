from __future__ import annotations

import pandas as pd
import pytest

from tasks.data.evidence import evidence, plain
from tasks.records import ColumnKind


@pytest.mark.parametrize(("values", "kind", "said"), [
    ([1, 2, 3_000_000], "number", "1 to 3,000,000, median 2, 3 distinct; none missing"),
    ([2010, 2012, 2015], "number", "2010 to 2015, median 2012, 3 distinct; none missing"),
    (["1", "2", "old", None], "number", "1 to 2, median 1.5, 2 distinct; 25 % missing; 1 no number: to quarantine"),
    ([*"aaabbcdefg"], "category", "7 distinct: a 30 %, b 20 %, c 10 %, d 10 %, e 10 %, …; none missing"),
    (["2024-01-01", "2024-02-03"], "time", "2024-01-01 to 2024-02-03; none missing"),
    (["ann@home", "bob@home"], "identifier", "2 distinct in 2 rows; none missing"),
])
def test_a_column_in_one_line(values: list[object], kind: ColumnKind, said: str) -> None:
    assert evidence(pd.Series(values), kind) == said


@pytest.mark.parametrize("text", ["a\nb: c", "a\rb", "a\u2028b", "a\x85b", "a\x00b", "x" * 1000])
def test_no_value_can_end_a_comment(text: str) -> None:
    assert len(plain(text).splitlines()) == 1
    assert plain(text).isprintable()
    assert len(plain(text)) <= 24
