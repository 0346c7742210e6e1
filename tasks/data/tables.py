"""Parquet in and out: the same rows give the same bytes, and every column comes back as a plain pandas type."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import DataError


def write(rows: pd.DataFrame | pa.Table, path: Path) -> Path:
    """Write one Parquet file whose bytes depend on the rows alone: no index, no library's own notes."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    short = [f.with_type(pa.string()) if pa.types.is_large_string(f.type) else f for f in table.schema]
    pq.write_table(table.cast(pa.schema(short)), path, compression="zstd")
    return path


def read(path: Path) -> pd.DataFrame:
    """A Parquet file as a frame of numbers, booleans, strings and times; missing values are NaN, None or NaT."""
    table = pq.read_table(path)
    frame: pd.DataFrame = table.cast(pa.schema([_plain(field) for field in table.schema])).to_pandas()
    return frame


def types(path: Path) -> dict[str, str]:
    """The Arrow type of each column, as text."""
    return {field.name: str(field.type) for field in pq.read_schema(path)}


def _plain(field: pa.Field) -> pa.Field:
    """The field in a type that pandas has a plain word for."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        kind = pa.float64()
    elif pa.types.is_date(kind):
        kind = pa.timestamp("ms")
    elif pa.types.is_timestamp(kind):
        kind = pa.timestamp(kind.unit)  # a zone becomes UTC
    elif pa.types.is_null(kind) or pa.types.is_time(kind) or pa.types.is_large_string(kind):
        kind = pa.string()
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise DataError(f"column {field.name!r} holds {field.type}: flatten it, or leave it out of the source.")
    return field.with_type(kind)
