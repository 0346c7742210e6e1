"""Answers for rows that may be faulty: the good ones are answered together, the others keep the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.inputs import InputError, feeds
from serving.package import Package
from serving.rows import ABSENT, Row, within

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Answered:
    """Rows and what came of them: `inputs` and `answers` are of the rows in `places`, the others have an error."""

    rows: Sequence[Row]
    places: Sequence[int]
    inputs: Arrays
    answers: Arrays


def features(schema: Mapping[str, Any]) -> list[str]:
    """The columns that a model reads, in order."""
    return [column["name"] for column in schema["columns"] if column["kind"] in ("number", "category")]


def answer(package: Package, rows: Sequence[Row]) -> Answered:
    """Answer every row that can be read; one that gets no finite answer has an error too."""
    schema = package.schema
    told = [row if row.error else Row(row.values, _absent(schema, row.values)) for row in rows]
    readable = [place for place, row in enumerate(told) if not row.error]
    faults = dict(_faults(schema, told, readable))
    marked = [Row(row.values, faults.get(place, row.error)) for place, row in enumerate(told)]
    places = [place for place in readable if place not in faults]
    if not places:
        return Answered(marked, [], {}, {})
    inputs = feeds(schema, _columns(schema, marked, places))
    return _sound(Answered(marked, places, inputs, package.run(inputs)))


def _sound(answered: Answered) -> Answered:
    """Without the rows to which the model answers no finite number: a label beside it would be a guess."""
    numbers = answered.answers["probabilities" if "probabilities" in answered.answers else "prediction"]
    good = np.isfinite(np.asarray(numbers)).reshape(len(answered.places), -1).all(axis=1)
    if good.all():
        return answered
    bad = {place for place, sound in zip(answered.places, good, strict=True) if not sound}
    rows = [Row(row.values, "has values to which the model answers no finite number") if place in bad else row
            for place, row in enumerate(answered.rows)]
    return Answered(rows, [place for place in answered.places if place not in bad],
                    *({name: array[good] for name, array in arrays.items()}
                      for arrays in (answered.inputs, answered.answers)))


def output_names(package: Package, taken: Collection[str]) -> dict[str, str]:
    """The columns that predictions are written to; where the input has such a column, ours ends in _predicted.

    The keys are `label` and each class as `probability_CLASS`, or `prediction`; `error` comes last.
    """
    own = [*(["label", *(f"probability_{c}" for c in package.classes)] if package.classes else ["prediction"]), "error"]
    return {name: name if name not in taken else f"{name}_predicted" for name in own}


def written(package: Package, answered: Answered, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Each row as it was read, with its prediction or its error."""
    found = dict(zip(answered.places, _predictions(package, answered), strict=True))
    for place, row in enumerate(answered.rows):
        own = {**dict.fromkeys(names), **found.get(place, {}), "error": row.error or None}
        yield {**row.values, **{names[name]: value for name, value in own.items()}}


def _predictions(package: Package, answered: Answered) -> Iterator[dict[str, Any]]:
    if not answered.places:
        return
    if not package.classes:
        yield from ({"prediction": value} for value in answered.answers["prediction"].ravel().tolist())
        return
    names = [f"probability_{name}" for name in package.classes]
    labels, shares = answered.answers["label"].ravel().tolist(), answered.answers["probabilities"].tolist()
    for label, row in zip(labels, shares, strict=True):
        yield {"label": label, **dict(zip(names, row, strict=True))}


def _absent(schema: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    if schema["input"] == "image" and "image" in values:
        return ""
    absent = [name for name in features(schema) if within(values, name) is ABSENT]
    return f"has no column {', '.join(map(repr, absent[:5]))}" if absent else ""


def _columns(schema: Mapping[str, Any], rows: Sequence[Row], places: Sequence[int]) -> dict[str, list[Any]]:
    whole = schema["input"] == "image" and all("image" in rows[place].values for place in places)
    names = ["image"] if whole else features(schema)
    found = {name: [within(rows[place].values, name) for place in places] for name in names}
    return {name: [None if value is ABSENT else value for value in values] for name, values in found.items()}


def _faults(schema: Mapping[str, Any], rows: Sequence[Row], places: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The rows among `places` whose values cannot be read, found by halving: mostly one look finds none."""
    if not places:
        return
    try:
        feeds(schema, _columns(schema, rows, places))
    except InputError as problem:
        if len(places) == 1:
            yield places[0], str(problem).replace(", row 0", "")
            return
        half = len(places) // 2
        yield from _faults(schema, rows, places[:half])
        yield from _faults(schema, rows, places[half:])
