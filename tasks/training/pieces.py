"""Cut each number into pieces before a network reads it: what is hard to bend for dense layers becomes a sum of steps.

The piecewise linear encoding of Gorishniy, Rubachev and Babenko, On Embeddings for Numerical Features in Tabular Deep
Learning, 2022: piece k of a number tells how far it has come from the lower to the upper knot, from 0 to 1. It is an
affine map and a clip, so that it lies in the network itself, as its first layer, and is exported, pruned and kept as
any other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
ROWS_A_PIECE = 200  # fewer would tell of those rows, not of the number
NARROWEST = 0.005  # in standard deviations: the steeper a piece, the more it makes of a rounding


class Pieces(NamedTuple):
    """The affine map before the clip: weight (pieces, features) and bias (pieces,)."""

    weight: Floats
    bias: Floats


def cut(rows: Floats, numbers: int, most: int) -> Pieces | None:
    """The encoding of a matrix whose first columns are numbers, up to `most` pieces each; the others pass as they are.

    None where there is nothing to cut: no numbers, or too few rows for two pieces.
    """
    count = min(most, len(rows) // ROWS_A_PIECE)
    if count < 2 or not numbers:
        return None
    features = rows.shape[1]
    parts = [_of_number(column, knots(rows[:, column], count), features) for column in range(numbers)]
    passing = Pieces(np.eye(features, dtype=np.float32)[numbers:], np.zeros(features - numbers, dtype=np.float32))
    weights, biases = zip(*parts, passing, strict=True)
    return Pieces(np.concatenate(weights), np.concatenate(biases))


def knots(values: Floats, count: int) -> Floats:
    """Where a number is cut: quantiles of its different values, so that a heap at one of them takes no knots away.

    >>> knots(np.float32([0, 0, 0, 0, 0, 1, 2, 3, 4]), 2).tolist()
    [0.0, 2.0, 4.0]
    """
    wanted = np.quantile(np.unique(values), np.linspace(0, 1, count + 1)).astype(np.float32)
    kept = [wanted[0]]
    for knot in wanted[1:]:
        if knot - kept[-1] >= NARROWEST:
            kept.append(knot)
    return np.array(kept, dtype=np.float32)


def _of_number(column: int, at: Floats, features: int) -> Pieces:
    """The pieces between the knots of one column; none of a constant one."""
    slopes = 1 / np.diff(at)
    weight = np.zeros((len(slopes), features), dtype=np.float32)
    weight[:, column] = slopes
    return Pieces(weight, (-at[:-1] * slopes).astype(np.float32))
