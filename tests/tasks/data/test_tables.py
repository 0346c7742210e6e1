from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data import tables
from tasks.errors import DataError


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    other = frame.set_axis([5, 6])
    assert tables.write(frame, tmp_path / "1").read_bytes() == tables.write(other, tmp_path / "2").read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, None], "d": [True, False]})
    pd.testing.assert_frame_equal(tables.read(tables.write(frame, tmp_path / "1")), frame)


@pytest.mark.parametrize(("column", "dtype", "first"), [
    (pa.array([Decimal("1.5")]), "float64", 1.5),
    (pa.array(["x"]).dictionary_encode(), "str", "x"),
    (pa.array([dt.date(2024, 1, 2)]), "datetime64[ms]", pd.Timestamp("2024-01-02")),
    (pa.array([dt.datetime(2024, 1, 2, tzinfo=dt.UTC)]), "datetime64[us]", pd.Timestamp("2024-01-02")),
    (pa.array([1.5], pa.float32()), "float64", 1.5),
])
def test_strange_types_become_plain(tmp_path: Path, column: pa.Array, dtype: str, first: object) -> None:
    pq.write_table(pa.table({"a": column}), tmp_path / "t")
    found = tables.read(tmp_path / "t")["a"]
    assert str(found.dtype) == dtype
    assert found.iloc[0] == first


@pytest.mark.parametrize("column", [pa.array([[1, 2]]), pa.array([{"a": 1}]), pa.array([b"x"])])
def test_what_no_cell_can_hold_is_refused(tmp_path: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"deep": column}), tmp_path / "t")
    with pytest.raises(DataError, match="'deep' holds"):
        tables.read(tmp_path / "t")
