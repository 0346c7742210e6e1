"""Files of rows, here or anywhere that fsspec reaches."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, field_validator

from serving.rows import flat
from tasks.data import tables
from tasks.data.parts import Part, parts_of
from tasks.data.sources._base import SNAPSHOT, Source, opened
from tasks.errors import DataError
from tasks.records import Address, Spelling, digest_of
from tasks.store import sha256_of

Format = Literal["csv", "parquet", "jsonl"]
SUFFIXES: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".data": "csv", ".parquet": "parquet",
                               ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
WHITE = r"\s+"
LEADING_ZERO = r"[+-]?0\d"


class File(Source):
    """CSV, Parquet or JSON lines, packed or not, by a local path or any fsspec URL.

    A folder or a pattern (`rows/*.csv`) stands for all files of it, and `year=2024` in a path for a column. A relative
    path starts at the folder that the command runs in. The format follows the suffix unless it is stated. The options
    below `origin` are for CSV: numbers become numbers where a whole column reads as such, all else stays text as found
    (`007` too).
    """

    kind: Literal["file"] = "file"
    path: Address | tuple[Address, ...] = Field(description="a file, a folder of files, or a pattern; or several")
    format: Format | None = None
    origin: str | None = Field(None, min_length=1, description="a column to add: the name of the file of each row")
    delimiter: str | None = Field(None, description=r"a character, or \s+ for white space; tab for .tsv, else comma")
    encoding: str = "utf-8"
    header: bool = Field(True, description="whether the first line holds the names")
    names: tuple[str, ...] = Field((), description="the columns' names; they replace a header")
    missing: tuple[str, ...] = Field(MISSING, description="what stands for a missing value")
    decimal: str = Field(".", min_length=1, max_length=1)
    thousands: str | None = Field(None, min_length=1, max_length=1, description="what groups digits, as in 1,000")
    quote: str = Field('"', min_length=1, max_length=1)
    comment: str | None = Field(None, min_length=1, max_length=1, description="the rest of a line after it is dropped")
    skip_lines: int = Field(0, ge=0, description="lines before the header or the first row")
    skip_blank_lines: bool = True
    strip_spaces: bool = Field(True, description="around names and values")

    @field_validator("delimiter")
    @classmethod
    def _is_a_delimiter(cls, sign: str | None) -> str | None:
        if sign is not None and sign != WHITE and len(sign) != 1:
            raise ValueError(f"write one character, or {WHITE} for any white space")
        return sign

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError as unknown:
            raise ValueError(f"{unknown}: name one that Python knows, as utf-8 or cp1252") from None
        return name

    def collect(self, folder: Path) -> Path:
        parts = self._parts()
        if len(formats := {self._format(part.path) for part in parts}) > 1:
            raise DataError(f"{self._shown()} stands for files of several formats, {sorted(formats)}. Name those of "
                            f"one under data.source.path.")
        rows = self._csv(parts) if "csv" in formats else _joined([self._table(part) for part in parts])
        return tables.write(rows, folder / SNAPSHOT)

    def identity(self) -> str | None:
        try:
            local = [Path(part.path).expanduser() for part in self._parts()]
        except DataError:  # collecting says what is wrong
            return None
        if not all(file.is_file() for file in local):
            return None
        return digest_of([self.canonical(), *([str(file), sha256_of(file)] for file in local)])

    def spelling(self) -> Spelling:
        if self._format(self._parts()[0].path) != "csv":
            return Spelling()
        return Spelling(missing=self.missing, missing_numbers=self._missing_numbers(), decimal=self.decimal,
                        thousands=self.thousands, strip_spaces=self.strip_spaces)

    def _missing_numbers(self) -> tuple[float, ...]:
        return tuple(pd.to_numeric(pd.Series(self.missing, dtype=object), errors="coerce").dropna())

    def _parts(self) -> list[Part]:
        paths = (self.path,) if isinstance(self.path, str) else self.path
        return parts_of(paths, [suffix for suffix, kind in SUFFIXES.items() if self.format in (None, kind)])

    def _shown(self) -> str:
        return self.path if isinstance(self.path, str) else ", ".join(self.path)

    def _format(self, path: str) -> Format:
        suffixes = [suffix.lower() for suffix in Path(path).suffixes]
        last = next((suffix for suffix in reversed(suffixes) if suffix not in PACKED), "")
        if self.format is None and last not in SUFFIXES:
            raise DataError(f"the format of {path} cannot be told from its name. State data.source.format: "
                            f"csv, parquet or jsonl.")
        return self.format or SUFFIXES[last]

    def _table(self, part: Part) -> pa.Table:
        """A file of typed values, with what its folders and its name say."""
        kind = self._format(part.path)
        with opened(part.path, kind) as file:
            rows = _flat(pq.read_table(file)) if kind == "parquet" else _json_lines(file)
            _refuse_twins(rows.column_names)
        for name, value in self._added(part, rows.column_names).items():
            rows = rows.append_column(name, pa.array([value] * len(rows), pa.string()))
        return rows

    def _added(self, part: Part, known: Iterable[str]) -> dict[str, str]:
        """What a file's folders and its name say of its rows; a column that the file has itself stays as it is."""
        named = {self.origin: part.name} if self.origin else {}
        if self.origin in set(known):
            raise DataError(f"{part.path} has a column {self.origin!r} already. Give data.source.origin another name.")
        return {name: value for name, value in part.columns.items() if name not in set(known)} | named

    def _csv(self, parts: Sequence[Part]) -> pd.DataFrame:
        """All files' texts under each other, then each column as a whole: what one file holds decides for all."""
        read = [self._named_texts(part) for part in parts]
        for part, texts in zip(parts, read, strict=True):
            if set(texts.columns) != set(read[0].columns):
                apart = sorted(set(texts.columns) ^ set(read[0].columns))
                raise DataError(f"{part.path} and {parts[0].path} do not have the same columns: {apart[:5]} are in one "
                                f"of them only. Mend the files, or name those that belong together.")
        texts = pd.concat(read, ignore_index=True) if len(read) > 1 else read[0]
        return pd.DataFrame({name: self._as_found(texts[name]) for name in texts.columns}, columns=texts.columns)

    def _named_texts(self, part: Part) -> pd.DataFrame:
        with opened(part.path, "csv") as file:
            texts = self._texts(file)
            texts.columns = pd.Index([str(name).strip() if self.strip_spaces else str(name) for name in texts.columns])
            _refuse_twins(texts.columns)
        if self.header and not self.names and any(_renamed(name, texts.columns) for name in texts.columns):
            self._refuse_numbered(part)
        return texts.assign(**self._added(part, texts.columns))

    def _refuse_numbered(self, part: Part) -> None:
        """Look at the first line as it is: of names that are there twice, the library numbers the second."""
        with opened(part.path, "csv") as file:
            _refuse_twins([name.strip() for name in self._texts(file, header=None, nrows=1).iloc[0]])

    def _texts(self, file: IO[bytes], **only: Any) -> pd.DataFrame:
        """Every value as written. Objects: of those alone does the library see that a delimiter ends each line."""
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                texts: pd.DataFrame = pd.read_csv(file, **{**self._options(), **only})
            except pd.errors.ParserWarning:
                raise ValueError("its lines hold more values than names, and some would be lost") from None
        return texts.astype(str)

    def _options(self) -> dict[str, Any]:
        usual = "\t" if ".tsv" in self._shown().lower() else ","
        return {"sep": self.delimiter or usual, "encoding": self.encoding, "header": 0 if self.header else None,
                "names": list(self.names) or None, "index_col": False, "dtype": object, "na_filter": False,
                "quotechar": self.quote, "comment": self.comment, "skiprows": self.skip_lines,
                "skip_blank_lines": self.skip_blank_lines, "skipinitialspace": self.strip_spaces}

    def _as_found(self, texts: pd.Series) -> pd.Series:
        """A column of numbers where every value reads as one, else its text; missing values are None.

        Where only some read as numbers, those are spelled plainly, as whoever reads them later knows no other spelling.
        """
        stripped = texts.str.strip() if self.strip_spaces else texts
        found = stripped.mask(stripped.isin(self.missing))
        present = found.dropna()
        plain = self._spelled_plainly(present)
        numbers: pd.Series = pd.to_numeric(plain, errors="coerce")
        whole = numbers.dtype == "int64"
        inexact = not (whole or numbers.dtype == "float64") or bool(present.str.match(LEADING_ZERO).any())
        if present.empty or inexact:
            return found
        if numbers.isna().any():
            return plain.where(numbers.notna(), present).reindex(found.index)
        numbers = numbers.mask(numbers.isin(self._missing_numbers()))  # -999.0 where -999 is the marker
        return numbers.astype("Int64" if whole else "Float64").reindex(found.index)

    def _spelled_plainly(self, texts: pd.Series) -> pd.Series:
        bare = texts.str.replace(self.thousands, "", regex=False) if self.thousands else texts
        return bare if self.decimal == "." else bare.str.replace(self.decimal, ".", regex=False)


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """All rows under each other; a column that one file lacks is missing there."""
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as problem:
        raise DataError(f"the files do not fit under each other: {problem}. Mend the files, or name those of one kind "
                        f"under data.source.path.") from problem


def _flat(rows: pa.Table) -> pa.Table:
    """A table with the parts of each structure as columns of their own, `home.city`."""
    while any(pa.types.is_struct(field.type) for field in rows.schema):
        rows = rows.flatten()
    return rows


def _renamed(name: str, names: Iterable[str]) -> bool:
    """Whether a name may be another column's, numbered."""
    bare, _, number = name.rpartition(".")
    return number.isdigit() and bare in names


def _refuse_twins(names: Iterable[str]) -> None:
    if twins := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"two columns are called {twins[0]!r}")


def _json_lines(file: IO[bytes]) -> pa.Table:
    """One JSON object a line; a key that a line lacks is missing there."""
    rows = [json.loads(line) for line in file if line.strip()]
    if strange := [row for row in rows if not isinstance(row, dict)]:
        raise ValueError(f"a line holds {str(strange[0])[:60]!r} where an object should be")
    rows = [flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    """The values as one Arrow type; where they have several, as text."""
    try:
        found = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())
    return pa.array([_text(value) for value in values], pa.string()) if pa.types.is_nested(found.type) else found


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
