"""What conf says about the data: its source, what its columns hold, what must be true of it, and how it is split."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.data.sources import AnySource
from tasks.data.splitting import AnySplit, HashSplit
from tasks.records import ColumnKind, Json, Record, TaskKind

LAWS: dict[str, ColumnKind] = {"low": "number", "high": "number", "categories": "category", "format": "time"}


class ColumnSettings(Record):
    """What is declared of one column; what is None is found out from the rows.

    A declared range, list of categories or `nullable: false` is a law: rows that break it go to quarantine. A range
    makes a number, a list a category and a format a time, whatever the values look like.
    """

    kind: ColumnKind | None = None
    nullable: bool | None = None
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = Field(None, description="in the order of the probabilities, for the target")
    strip: str = Field("", description="characters that are taken off both ends of its texts, as '.'")
    format: str | None = Field(None, description="strptime format of a time that is not ISO 8601, as %d.%m.%Y")

    @property
    def states(self) -> ColumnKind | None:
        """The kind that is declared, by its name or by a law that only one kind can have."""
        return self.kind or next((kind for law, kind in LAWS.items() if getattr(self, law) is not None), None)

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        for law, kind in LAWS.items():
            if getattr(self, law) is not None and kind != self.states:
                raise ValueError(f"kind {self.states} takes no {law}, which is for kind {kind}: take one of them out")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}: no value is in between")
        return self


class Expectation(Record):
    """One Great Expectations expectation, by its snake_case type.

    `quarantine`: the rows that break it leave. `stop`: breaking it stops the run. With `mostly` in kwargs, so large a
    share of rows need only hold: the others stay, and too many of them stop the run. An expectation on the table as a
    whole, as its number of rows, always stops it.
    """

    type: str
    kwargs: dict[str, Json] = Field(default_factory=dict)
    severity: Literal["quarantine", "stop"] = "quarantine"


class DataSettings(Record):
    """The data stage of a project. Names in `columns` and `ignore` may be patterns, as `pixel_*`."""

    source: AnySource
    target: str = "target"
    task: TaskKind | None = Field(None, description="None: found out from the target's values")
    input: Literal["rows", "image"] = "rows"
    shape: tuple[int, ...] = Field((), description="height and width of an image")
    columns: dict[str, ColumnSettings] = Field(default_factory=dict)
    ignore: tuple[str, ...] = Field((), description="columns that are dropped before anything looks at them")
    split: AnySplit = HashSplit()
    expectations: tuple[Expectation, ...] = ()
    salt: str = Field("farrier", description="fixes the splits; change it to draw others")

    def column(self, name: str) -> ColumnSettings:
        """What is declared of a column: by its own name first, else by the first pattern that fits."""
        if name in self.columns:
            return self.columns[name]
        return next((s for pattern, s in self.columns.items() if fnmatchcase(name, pattern)), ColumnSettings())

    @property
    def pixels(self) -> tuple[str, ...]:
        """The columns of an image, row by row; none where rows are no images."""
        height, width = self.shape or (0, 0)
        return tuple(f"pixel_{row}_{column}" for row in range(height) for column in range(width))

    def ignores(self, name: str) -> bool:
        return any(name == pattern or fnmatchcase(name, pattern) for pattern in self.ignore)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.input == "image") != (len(self.shape) == 2):
            raise ValueError(f"input {self.input!r} with shape {self.shape}: an image needs [height, width], rows none")
        for name in (self.target, *self.split.needs()):
            if self.ignores(name):
                raise ValueError(f"column {name!r} is ignored and needed. Give it `kind: identifier` to keep it "
                                 f"from the model, or take it out of `ignore`.")
        return self

    @model_validator(mode="after")
    def _target_fits_task(self) -> Self:
        states, asks = self.column(self.target).states, "number" if self.task == "regression" else "category"
        if self.task and states not in (None, asks):
            raise ValueError(f"target {self.target!r} is declared a {states}, and task {self.task} asks for a {asks}")
        return self
