"""Golden rows: inputs and the answers that the packed model gave, replayed wherever the package is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def rows(expected: Mapping[str, Any]) -> int:
    """How many golden rows there are."""
    return len(next(iter(expected["columns"].values()), ()))


def difference(expected: Mapping[str, Any], found: Mapping[str, NDArray[Any]]) -> str | None:
    """What differs between the answers that were packed and those of here, in words; None where nothing does.

    Numbers may differ by the tolerance, absolute or relative to the expected number, whichever is wider. A label may
    differ only between classes whose expected probabilities are that near to each other.
    """
    if not rows(expected):
        return "holds no rows"
    outputs, tolerance = expected["outputs"], float(expected["tolerance"])
    name = "probabilities" if "probabilities" in outputs else "prediction"
    numbers = np.asarray(outputs[name], dtype=np.float64)
    answers = np.asarray(found[name], dtype=np.float64)
    return _numbers_differ(name, numbers, answers, tolerance) or (
        _labels_differ(expected, found, numbers, tolerance) if name == "probabilities" else None)


def _numbers_differ(name: str, expected: NDArray[Any], found: NDArray[Any], tolerance: float) -> str | None:
    if expected.shape != found.shape:
        return f"expected {name} of shape {expected.shape}, found {found.shape}"
    near = np.abs(expected - found) <= tolerance * np.maximum(1.0, np.abs(expected))
    if near.all():  # a NaN is near to nothing
        return None
    row = int(np.argwhere(~near)[0][0])
    return (f"row {row}: expected {name} {expected[row].tolist()}, found {found[row].tolist()} "
            f"(tolerance {tolerance:g}; {int((~near).sum())} of {near.size} numbers differ)")


def _labels_differ(expected: Mapping[str, Any], found: Mapping[str, NDArray[Any]], probabilities: NDArray[Any],
                   tolerance: float) -> str | None:
    classes, labels = list(expected["classes"]), [str(label) for label in np.ravel(found["label"])]
    for row, (want, got) in enumerate(zip(expected["outputs"]["label"], labels, strict=True)):
        if got == want:
            continue
        if got not in classes or probabilities[row].max() - probabilities[row, classes.index(got)] > 2 * tolerance:
            return f"row {row}: expected label {want!r}, found {got!r}"
    return None
