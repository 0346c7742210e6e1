"""Which side each row goes to. The law: every row on exactly one side, decided by the rows and the salt alone."""

from __future__ import annotations

import hashlib
import struct
from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from tasks.errors import DataError
from tasks.plugins import Plugin

Sides = npt.NDArray[np.object_]
TRAIN, VALIDATION, TEST = "train", "validation", "test"
MISSING = b"\x00"
BETWEEN = b"\x1f"


class Split(Plugin):
    """How rows are divided: `validation` and `test` are shares of them, train is the rest."""

    validation: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)

    @abstractmethod
    def sides(self, frame: pd.DataFrame, salt: str) -> Sides:
        """'train', 'validation' or 'test' for each row of a typed frame, in its order."""

    def needs(self) -> tuple[str, ...]:
        """The columns without which a row cannot be placed."""
        return ()

    def identifies(self) -> tuple[str, ...]:
        """The columns that say who a row is about: a model must not learn that, unless they are declared features."""
        return ()

    @model_validator(mode="after")
    def _leaves_some_to_train(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation} and test {self.test} leave nothing to train on")
        return self

    def _by_share(self, position: npt.NDArray[np.float64]) -> Sides:
        """Test from 0 on, then validation, then train: a row's place is its position in [0, 1)."""
        ends = [position < self.test, position < round(self.test + self.validation, 9)]
        return np.select(ends, [TEST, VALIDATION], TRAIN).astype(object)


class HashSplit(Split):
    """By the sha256 of the row's own content: a row never changes sides as data grows, and duplicates stay together.

    Shares are approximate: each row is placed alone. `columns` names what counts as content; empty means all that
    are not ignored.
    """

    kind: Literal["hash"] = "hash"
    columns: tuple[str, ...] = ()

    def needs(self) -> tuple[str, ...]:
        return self.columns

    def sides(self, frame: pd.DataFrame, salt: str) -> Sides:
        return self._by_share(positions(frame[list(self.columns)] if self.columns else frame, salt))


class GroupSplit(Split):
    """By the hash of one column: rows of a group (a patient, a customer) stay on one side."""

    kind: Literal["group"] = "group"
    column: str

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def identifies(self) -> tuple[str, ...]:
        return (self.column,)

    def sides(self, frame: pd.DataFrame, salt: str) -> Sides:
        return self._by_share(positions(frame[[self.column]], salt))


class TimeSplit(Split):
    """By one column's order: the last share is test, the one before it validation. Equal times stay together."""

    kind: Literal["time"] = "time"
    column: str

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def sides(self, frame: pd.DataFrame, salt: str) -> Sides:  # noqa: ARG002 - time decides, not the salt
        if frame.empty:
            return np.empty(0, dtype=object)
        _refuse_text(frame[self.column])
        later = len(frame) - frame[self.column].rank(method="max").to_numpy().astype(np.float64)
        return self._by_share(later / len(frame))


class GivenSplit(Split):
    """By a column that says where each row belongs, as the name of a published test file; or by the rows' order.

    Either `column` and the values of it that are `tests` (and `validations`, where they are given too), else a
    `validation` share of the others by their own content. Or `last`: so many rows at the end are test, and the
    `validation` share of those before them is what stands right before. The share `test` plays no part.
    """

    kind: Literal["given"] = "given"
    column: str | None = None
    tests: tuple[str, ...] = ()
    validations: tuple[str, ...] = ()
    last: int | None = Field(None, ge=1, description="how many of the rows that are kept, at the end, are test")

    @model_validator(mode="after")
    def _says_how(self) -> Self:
        if (self.column is None) == (self.last is None) or (self.column is None) != (not self.tests):
            raise ValueError("write either `column` and `tests`, which of its values are test, or `last`")
        return self

    def needs(self) -> tuple[str, ...]:
        return (self.column,) if self.column else ()

    def identifies(self) -> tuple[str, ...]:
        return self.needs()

    def sides(self, frame: pd.DataFrame, salt: str) -> Sides:
        if self.last:
            return self._in_order(len(frame), self.last)
        tests, validations = (self._named(frame, values) for values in (self.tests, self.validations))
        rest = positions(frame.drop(columns=list(self.needs())), salt)
        drawn = TRAIN if self.validations else np.where(rest < self.validation, VALIDATION, TRAIN)
        return np.select([tests, validations], [TEST, VALIDATION], drawn).astype(object)

    def _in_order(self, rows: int, last: int) -> Sides:
        place = np.arange(rows) / max(1, rows - last)
        return np.select([place >= 1, place >= 1 - self.validation], [TEST, VALIDATION], TRAIN).astype(object)

    def _named(self, frame: pd.DataFrame, values: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        said = frame[self.column].astype(str)
        for value in values:
            if len(frame) and not (said == value).any():
                raise DataError(f"no row has {value!r} in column {self.column!r}, which holds {sorted(set(said))[:5]}. "
                                f"Mend data.split, or the source.")
        return said.isin(values).to_numpy()


def _refuse_text(values: pd.Series) -> None:
    """Raise DataError for a column in order of spelling, where 02.01.2024 stands before 31.12.2023."""
    if not (pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)):
        raise DataError(f"column {values.name!r} holds text, as {values.iloc[0]!r}, so rows have no order by it. Tell "
                        f"how its times are spelled, under data.columns, as {{kind: time, format: '%d.%m.%Y'}}; or "
                        f"name another data.split.column.")


AnySplit = Annotated[HashSplit | TimeSplit | GroupSplit | GivenSplit, Field(discriminator="kind")]


def positions(frame: pd.DataFrame, salt: str) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each row, from its content and the salt; the order of columns and rows plays no part.

    The content is spelled out byte by byte here, so that no library's new version moves a row to another side.
    """
    seed = hashlib.sha256(salt.encode())
    found = np.empty(len(frame))
    for place, content in enumerate(_contents(frame)):
        digest = seed.copy()
        digest.update(content)
        found[place] = (struct.unpack(">Q", digest.digest()[:8])[0] >> 11) / 2**53
    return found


def _contents(frame: pd.DataFrame) -> Iterable[bytes]:
    """Each row as bytes: its numbers as little-endian doubles, then everything else as text; columns by name."""
    names = sorted(map(str, frame.columns))
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(frame[name].dtype)]
    block = frame[numbers].to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # + 0.0: minus zero is zero
    block[np.isnan(block)] = np.nan  # one bit pattern for all that is missing
    texts = [_cells(frame[name]) for name in names if name not in set(numbers)]
    words = [BETWEEN.join(cells) for cells in zip(*texts, strict=True)] if texts else [b""] * len(frame)
    return (row.tobytes() + word for row, word in zip(np.ascontiguousarray(block), words, strict=True))


def _cells(column: pd.Series) -> list[bytes]:
    present = column.notna().to_numpy()
    return [str(value).encode() if there else MISSING for value, there in zip(column, present, strict=True)]
