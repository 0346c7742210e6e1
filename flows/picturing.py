"""Where a certified candidate's answers go wrong, on the test rows: for the report, and as files for MLflow."""

from __future__ import annotations

import numpy as np

from tasks.data import preparation
from tasks.entries import Attachment
from tasks.records import Artifact, PreparedData, Record
from tasks.report import figures
from tasks.store import Store


class Answered(Record):
    """Answers against the truth: counts by class, or each row's pair."""

    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    residuals: tuple[tuple[float, float], ...] = ()


def answered(answers: Artifact, prepared: PreparedData, store: Store) -> Answered:
    """What was answered on the test rows, beside the truth."""
    given = np.load(store.fetch(answers))
    schema = prepared.data_schema
    truth = preparation.target(preparation.load(prepared.test, store), schema)
    if schema.task == "regression":
        return Answered(residuals=tuple((float(t), float(a)) for t, a in zip(truth, given, strict=True)))
    counts = np.zeros((len(schema.classes),) * 2, dtype=int)
    np.add.at(counts, (truth.astype(int), given.argmax(axis=1)), 1)
    return Answered(classes=tuple(map(str, schema.classes)),
                    confusion=tuple(tuple(int(n) for n in row) for row in counts))


def pictures(folder: str, shown: Answered) -> tuple[Attachment, ...]:
    """The confusion matrix, or the residuals, as a picture and as the numbers behind it."""
    name, picture = ("residuals", figures.residuals(shown.residuals)) if shown.residuals else (
        "confusion", figures.confusion(shown.confusion, shown.classes))
    return (Attachment(name=f"{folder}/{name}.svg", text=picture),
            Attachment(name=f"{folder}/{name}.json", text=shown.model_dump_json(exclude_defaults=True)))
