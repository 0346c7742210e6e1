"""What the rows look like: kinds from all of them, categories and ranges from the train rows alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from tasks.data.casting import as_kind, as_text, blurred
from tasks.data.settings import ColumnSettings, DataSettings
from tasks.data.sources.file import LEADING_ZERO
from tasks.errors import DataError
from tasks.records import OUTPUTS, Column, ColumnKind, Schema, TaskKind

MOSTLY = 0.95      # a text column is a number or a time when at least this share of its values reads as one
DISTINCT = 0.9     # and an identifier when more than this share of its values differ
FEW = 20           # below so many values, all being different says nothing
MOST_CLASSES = 20  # whole numbers with more distinct values than this are amounts, not classes
MOST_CATEGORIES = 10_000
IDENTIFIER = re.compile(r"(^|_|\b)(id|no|index|key|uuid|guid|rownum|row_number)$", re.IGNORECASE)


def kind_of(name: str, values: pd.Series) -> ColumnKind:
    """What a column holds, by its values; its name only tells whole numbers that count rows from those that measure."""
    present = values.dropna()
    if pd.api.types.is_bool_dtype(values.dtype):
        return "category"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "time"
    if pd.api.types.is_numeric_dtype(values.dtype):
        return "identifier" if _counts_rows(name, present) else "number"
    return _kind_of_text(present.astype(str))


def _counts_rows(name: str, present: pd.Series) -> bool:
    if not IDENTIFIER.search(name) or not pd.api.types.is_integer_dtype(present.dtype):
        return False
    return present.is_unique and (present.is_monotonic_increasing or present.is_monotonic_decreasing)


def _kind_of_text(present: pd.Series) -> ColumnKind:
    if present.empty:
        return "category"
    if as_kind(present, "number").notna().mean() >= MOSTLY and not present.str.match(LEADING_ZERO).any():
        return "number"
    dated = present.where(present.str.match(r"\d{4}-\d{2}"))
    if as_kind(dated, "time").notna().mean() >= MOSTLY:
        return "time"
    return "identifier" if len(present) >= FEW and present.nunique() > DISTINCT * len(present) else "category"


def kinds_of(raw: pd.DataFrame, settings: DataSettings) -> dict[str, ColumnKind]:
    """The kind of every column that is not ignored and holds something; declared kinds win. The target comes last."""
    kept = [name for name in raw.columns if name != settings.target and raw[name].notna().any()]
    known: dict[str, ColumnKind] = dict.fromkeys(settings.split.identifies(), "identifier")
    kinds = {name: settings.column(name).states or known.get(name) or kind_of(name, raw[name]) for name in kept}
    task = settings.task or task_of(raw[settings.target], settings.column(settings.target))
    if task == "regression":
        return kinds | {settings.target: "number"}
    _refuse_names(raw[settings.target])
    return kinds | {settings.target: "category"}


def _refuse_names(target: pd.Series) -> None:
    labels, rows = target.nunique(), int(target.notna().sum())
    if rows >= FEW and labels > rows / 2:
        raise DataError(f"target {target.name!r} has {labels} different values in {rows} rows: nearly every row is its "
                        f"own class. Name another target, or declare `task: regression`.")


def task_of(values: pd.Series, declared: ColumnSettings) -> TaskKind:
    """What there is to predict: few distinct labels make classes, many numbers a regression."""
    present = values.dropna()
    labels = declared.categories or tuple(as_text(present).dropna().unique())
    if declared.states == "number" or (declared.states is None and _are_amounts(present, len(labels))):
        return "regression"
    return "binary" if len(labels) == 2 else "multiclass"


def _are_amounts(present: pd.Series, distinct: int) -> bool:
    """Numbers that measure, a few dirty texts among them or not: many different ones, or some that are not whole."""
    if kind_of("", present) != "number":
        return False
    numbers = as_kind(present, "number").dropna()
    return distinct > MOST_CLASSES or bool((numbers % 1 != 0).any())


def infer(train: pd.DataFrame, kept: pd.DataFrame, kinds: Mapping[str, ColumnKind], types: Mapping[str, str],
          settings: DataSettings) -> Schema:
    """The schema of typed rows. `train` gives categories and ranges, `kept` (all sides) what may be missing.

    A column without a value in train is left out: nothing can be learned from it.
    """
    columns = {}
    for name in (name for name in kinds if train[name].notna().any()):
        declared = settings.column(name)
        nullable = bool(kept[name].isna().any()) if declared.nullable is None else declared.nullable
        found = Column(name=name, kind=kinds[name], dtype=types[name], nullable=nullable, strip=declared.strip)
        columns[name] = _with_values(found, train[name], declared)
    target = columns.pop(settings.target)
    task = settings.task or task_of(train[settings.target], settings.column(settings.target))
    _check_classes(target, task)
    named = _as_image(columns, settings) if settings.input == "image" else tuple(columns.values())
    if not any(column.kind in ("number", "category") for column in named):
        raise DataError(f"no column but {settings.target!r} is a number or a category: a model would have nothing to "
                        f"read. Declare kinds under data.columns.")
    schema = Schema(input=settings.input, shape=settings.shape, columns=named, target=target, task=task,
                    spelling=settings.source.spelling())
    _refuse_features(schema, train)
    return schema


def _with_values(found: Column, train: pd.Series, declared: ColumnSettings) -> Column:
    """The column with its categories or its range."""
    if found.kind == "category":
        return found.model_copy(update={"categories": declared.categories or ordered(train.dropna().unique())})
    if found.kind == "number":
        low = train.min() if declared.low is None else declared.low
        high = train.max() if declared.high is None else declared.high
        return found.model_copy(update={"low": float(low), "high": float(high)})
    return found


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels in their order: by value where all are numbers, else by text.

    >>> ordered(["10", "9"]), ordered(["no", "10"])
    (('9', '10'), ('10', 'no'))
    """
    found = list(labels)
    numbers = pd.to_numeric(pd.Series(found, dtype=object), errors="coerce")
    if numbers.notna().all():
        return tuple(label for _, label in sorted(zip(numbers, found, strict=True)))
    return tuple(sorted(found))


def _check_classes(target: Column, task: TaskKind) -> None:
    if task == "regression":
        return
    if len(target.categories) < 2:
        raise DataError(f"target {target.name!r} has one class only, {target.categories}: nothing can be told apart. "
                        f"Add rows of another class, or name another target.")
    if task == "binary" and len(target.categories) > 2:
        raise DataError(f"target {target.name!r} has {len(target.categories)} classes, {target.categories[:5]}…, and "
                        f"the task is declared binary. Declare it multiclass, or leave `task` out.")


def _refuse_features(schema: Schema, train: pd.DataFrame) -> None:
    """Raise DataError for names that no model can be exported with, and numbers that none could tell apart."""
    if taken := [column.name for column in schema.features if column.name in OUTPUTS]:
        raise DataError(f"column {taken[0]!r} has the name of an answer ({', '.join(OUTPUTS)}). Rename it in the "
                        f"source, add it to data.ignore, or declare it `kind: identifier`.")
    for column in (c for c in schema.features if len(c.categories) > MOST_CATEGORIES):
        raise DataError(f"column {column.name!r} has {len(column.categories):,} categories in train: a model would get "
                        f"a column for each of them. Declare it `kind: identifier`, or put its values in fewer groups.")
    numbers = [c.name for c in schema.features if c.kind == "number" and schema.input == "rows"]
    for name in (name for name in numbers if blurred(train[name])):
        raise DataError(f"column {name!r} has {train[name].nunique()} different values in train, as "
                        f"{train[name].max():.17g}, and less than half as many in the 32 bits that models read. "
                        f"Subtract what they have in common in the source, or declare it `kind: identifier`.")


def _as_image(columns: Mapping[str, Column], settings: DataSettings) -> tuple[Column, ...]:
    """Pixels row by row, all with the set's one range, then what is no feature.

    The range starts at 0 unless a pixel is below it or the settings say otherwise.
    """
    names = settings.pixels
    rest = [column for name, column in columns.items() if name not in set(names)]
    _check_pixels(names, columns, rest)
    declared = [low for n in names if (low := settings.column(n).low) is not None]
    low = min(declared or [0.0, *(columns[n].low or 0.0 for n in names)])
    high = max(columns[n].high or 0.0 for n in names)
    if not low < high:
        raise DataError(f"every pixel in train is {high:g}: there is nothing to see. Mend the source.")
    return (*(columns[n].model_copy(update={"low": low, "high": high, "nullable": False}) for n in names), *rest)


def _check_pixels(names: Sequence[str], columns: Mapping[str, Column], rest: list[Column]) -> None:
    if absent := [name for name in names if name not in columns]:
        raise DataError(f"the image's pixels {absent[:3]}… ({len(absent)} of {len(names)}) are not among the columns. "
                        f"Name them pixel_<row>_<column> from 0, and check data.shape.")
    if others := [column.name for column in rest if column.kind in ("number", "category")]:
        raise DataError(f"columns {others[:5]} are not pixels of the image: add them to data.ignore, or declare them "
                        f"`kind: identifier`.")
