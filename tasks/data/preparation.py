"""A snapshot to rows that a model may be trained on: typed, validated, quarantined, split, described."""

from __future__ import annotations

import difflib
import fnmatch
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.data import tables
from tasks.data.casting import Complaint, cast
from tasks.data.features import target, transformer, typed
from tasks.data.leaks import leaks
from tasks.data.profile import profile
from tasks.data.schema import infer, kinds_of
from tasks.data.settings import DataSettings
from tasks.data.splitting import TEST, TRAIN, VALIDATION, Sides
from tasks.data.validation import validate
from tasks.errors import DataError
from tasks.records import Artifact, ColumnKind, Json, PreparedData, Rows, Schema, canonical_json
from tasks.store import Store

__all__ = ["load", "prepare", "target", "transformer", "typed"]
RESERVED = ("row", "reason")
QUARANTINE = "quarantine"


class Divided(NamedTuple):
    """Where each row goes, and why some go to quarantine."""

    sides: Sides
    complaints: tuple[Complaint, ...]


def prepare(snapshot: Artifact, settings: DataSettings, store: Store) -> PreparedData:
    """Type, validate and split a snapshot; rows that break a rule go to quarantine with the reason.

    Raises DataError where the table is not what conf says, ExpectationsFailed where it breaks an expectation as a
    whole, SettingsError for an expectation that does not exist.
    """
    path = store.fetch(snapshot)
    raw = _read(path, settings)
    bare = _bare(raw, settings)
    kinds = _kinds(bare, settings)
    declared = {name: settings.column(name) for name in kinds}
    clean = cast(bare, kinds, declared, (settings.target, *settings.split.needs(), *settings.pixels))
    findings = validate(clean.frame.drop(index=_rows(clean.complaints)), settings.expectations)
    divided = _divide(clean.frame, (*clean.complaints, *findings.complaints), kinds, settings)
    kept = clean.frame[divided.sides != QUARANTINE]
    schema = infer(clean.frame[divided.sides == TRAIN], kept, kinds, tables.types(path), settings)
    parts = _parts(raw, clean.frame, divided, schema)
    described: dict[str, Json] = {
        "profile": profile(parts[TRAIN], schema),
        "expectations": {"suite": findings.results, "schema": _summary(clean.complaints)},
    }
    kept_files = _keep(parts, described, store)
    rows = Rows(total=len(raw), **{side: len(part) for side, part in parts.items()})
    return PreparedData(snapshot=snapshot, data_schema=schema, salt=settings.salt, rows=rows, **kept_files,
                        leaks=leaks(clean.frame, divided.sides, schema, settings.split))


def load(artifact: Artifact, store: Store) -> pd.DataFrame:
    """The rows of a split, of the quarantine or of a snapshot."""
    return tables.read(store.fetch(artifact))


def _read(path: Path, settings: DataSettings) -> pd.DataFrame:
    """The snapshot without ignored columns; every column that conf names must be there, and every pattern fit one."""
    raw = tables.read(path)
    for name in (settings.target, *settings.split.needs()):
        _must_have(name, raw.columns)
    for pattern in (*settings.columns, *settings.ignore):
        if not fnmatch.filter(raw.columns, pattern):
            _must_have(pattern, raw.columns)
    raw = raw[[name for name in raw.columns if not settings.ignores(name)]]
    if taken := [name for name in RESERVED if name in raw.columns]:
        raise DataError(f"columns {taken} have names that farrier keeps for itself. Rename them, or add them to "
                        f"data.ignore.")
    return raw


def _bare(raw: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """The rows without what is declared to be stripped from texts; what a source reads as no text stays as it is."""
    signs = {name: settings.column(name).strip for name in raw.columns}
    return raw.assign(**{
        name: raw[name].map(lambda value, sign=sign: value.strip(sign) if isinstance(value, str) else value)
        for name, sign in signs.items() if sign})


def _must_have(name: str, columns: Iterable[str]) -> None:
    known = list(columns)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(f"column {name!r} is named in conf and is not in the source, which has {known[:20]}.{hint} "
                        f"Mend the source, or the name in conf.")


def _kinds(raw: pd.DataFrame, settings: DataSettings) -> dict[str, ColumnKind]:
    kinds = kinds_of(raw, settings)
    for name in (settings.target, *settings.split.needs(), *settings.columns):
        if name in raw.columns and raw[name].isna().all():
            raise DataError(f"column {name!r} is named in conf and holds no value. Mend the source, or ignore it.")
    return kinds


def _rows(complaints: Iterable[Complaint]) -> list[int]:
    return sorted({row for complaint in complaints for row in complaint.rows})


def _divide(frame: pd.DataFrame, complaints: tuple[Complaint, ...], kinds: Mapping[str, ColumnKind],
            settings: DataSettings) -> Divided:
    """Split the rows nobody complains about; then those whose class train never shows follow the others out."""
    sides = np.full(len(frame), QUARANTINE, dtype=object)
    good = np.setdiff1d(np.arange(len(frame)), _rows(complaints))
    if len(good):
        sides[good] = settings.split.sides(frame.iloc[good], settings.salt)
    if kinds[settings.target] == "category":
        complaints += _unlearnable(frame[settings.target], sides)
        sides[_rows(complaints)] = QUARANTINE
    _refuse_empty(sides, complaints, settings)
    return Divided(sides, complaints)


def _unlearnable(labels: pd.Series, sides: Sides) -> tuple[Complaint, ...]:
    known = set(labels[sides == TRAIN])
    rows = np.flatnonzero((sides != QUARANTINE) & ~labels.isin(known).to_numpy())
    words = tuple(f"{labels.name}: class {label!r} never occurs in train" for label in labels.iloc[rows])
    return (Complaint(str(labels.name), "never occurs in train", tuple(rows.tolist()), words),) if len(rows) else ()


def _refuse_empty(sides: Sides, complaints: Sequence[Complaint], settings: DataSettings) -> None:
    sizes = Counter(sides)
    if empty := [side for side in (TRAIN, VALIDATION, TEST) if not sizes[side]]:
        worst = max(complaints, key=lambda c: len(c.rows), default=None)
        why = f" Most often in quarantine: {worst.words[0]} ({len(worst.rows)} rows)." if worst else ""
        raise DataError(f"no rows for {', '.join(empty)} from {len(sides)} rows, {sizes[QUARANTINE]} of them in "
                        f"quarantine, by split {settings.split.canonical()}.{why} Give more rows, or mend the rule.")


def _parts(raw: pd.DataFrame, frame: pd.DataFrame, divided: Divided, schema: Schema) -> dict[str, pd.DataFrame]:
    """The four tables: splits hold the schema's columns, the target and `row`; quarantine the raw row and why."""
    names = [*(column.name for column in schema.columns), schema.target.name]
    number = np.arange(len(raw), dtype=np.int64)
    whole = frame[names].assign(row=number)
    parts = {side: whole[divided.sides == side].reset_index(drop=True) for side in (TRAIN, VALIDATION, TEST)}
    refused = raw.assign(row=number, reason=_reasons(len(raw), divided.complaints))
    return parts | {QUARANTINE: refused[divided.sides == QUARANTINE].reset_index(drop=True)}


def _reasons(count: int, complaints: Iterable[Complaint]) -> pd.Series:
    """For each row all that is wrong with it, in words."""
    words: dict[int, list[str]] = {}
    for complaint in complaints:
        for row, said in zip(complaint.rows, complaint.words, strict=True):
            words.setdefault(row, []).append(said)
    return pd.Series(["; ".join(words.get(row, ())) for row in range(count)], dtype=object)


def _summary(complaints: Iterable[Complaint]) -> list[Json]:
    return [{"column": c.column, "check": c.check, "rows": len(c.rows), "example": c.words[0]} for c in complaints]


def _keep(parts: Mapping[str, pd.DataFrame], described: Mapping[str, Json], store: Store) -> dict[str, Artifact]:
    with store.scratch() as folder:
        files = {name: tables.write(part, folder / f"{name}.parquet") for name, part in parts.items()}
        for name, value in described.items():
            files[name] = folder / f"{name}.json"
            files[name].write_text(canonical_json(value), encoding="utf-8")
        return {name: store.put(file) for name, file in files.items()}
