"""What so many test rows can show: the metric that decides, and margins that an unharmed model is likely to clear.

An optimized model answers a few rows otherwise than the champion even where it is no worse. The margins are those at
which such a model is certified with the planned power, before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats

from tasks.data.proposal import Part, Proposal
from tasks.deployment.noninferiority import chance_to_pass
from tasks.deployment.settings import Margin, SliceSettings
from tasks.records import Record

MARGINS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.1)
WIDEST = 0.2  # what is proposed where even the last of these needs more rows
CHANGED = 0.01  # share of rows answered otherwise, half of them better: what light quantization does
EXACT_UP_TO = 1000  # rows; beyond, the normal approximation is near enough to propose by
RARE = 0.1  # share of the rarest of two classes: below, whoever always names the other is nearly always right
MOST_SLICES = 4


class Plan(Record):
    """How quality is judged, and how much may be lost, as far as rows can show it."""

    primary: str
    margin: Margin
    evidence: str
    slices: tuple[SliceSettings, ...]


def plan(proposal: Proposal, *, level: float = 0.95, power: float = 0.8) -> Plan:
    """The metric, the margin and the slices that suit a proposal's test rows."""
    rows = proposal.rows.test
    if proposal.data_schema.task == "regression":
        margin = Margin(relative=_relative(rows))
        said = f"of the champion's error; {rows:,} test rows. A guess until a first run shows how much models differ"
        return Plan(primary="mae", margin=margin, evidence=said, slices=_sliced(proposal, level, power))
    rare = _rarest(proposal)
    if rare is not None and rare.rows < RARE * rows:
        margin = Margin(drop=least_margin(rare.rows, level=level, power=power) or WIDEST)
        said = f"as few as {rare.rows:,} test rows of class {rare.value} decide"
        return Plan(primary="roc_auc", margin=margin, evidence=said, slices=())
    least = least_margin(rows, level=level, power=power)
    said = f"{rows:,} test rows can show as much" if least else (
        f"{rows:,} test rows can hardly show even this: give the project more rows")
    return Plan(primary="accuracy", margin=Margin(drop=least or WIDEST), evidence=said,
                slices=_sliced(proposal, level, power))


def least_margin(rows: int, *, level: float, power: float) -> float | None:
    """The least of MARGINS that a model which is no worse clears on so many rows; None where it clears none.

    >>> least_margin(170, level=0.95, power=0.8), least_margin(450, level=0.95, power=0.8)
    (0.03, 0.02)
    """
    return next((margin for margin in MARGINS if _shown(rows, margin, level, power)), None)


def _shown(rows: int, margin: float, level: float, power: float) -> bool:
    """Whether the planned power is reached; near it the exact test decides."""
    certain, hoped = stats.norm.ppf(level), stats.norm.ppf(power)
    spread = certain * math.sqrt(max(CHANGED, margin) - margin**2) + hoped * math.sqrt(CHANGED)
    needed = (spread / margin) ** 2
    if rows > EXACT_UP_TO or not needed / 2 < rows < 2 * needed:
        return rows >= needed
    return chance_to_pass(rows, margin, level, CHANGED / 2, CHANGED / 2) >= power


def _relative(rows: int) -> float:
    return next((share for least, share in ((2000, 0.01), (500, 0.02), (100, 0.05)) if rows >= least), 0.1)


def _rarest(proposal: Proposal) -> Part | None:
    """The rarer class of two; of more classes none is singled out."""
    parts = proposal.parts.get(proposal.data_schema.target.name, ())
    return parts[-1] if len(parts) == 2 else None


def _sliced(proposal: Proposal, level: float, power: float) -> tuple[SliceSettings, ...]:
    """The columns whose values have the most rows to judge by; advisory, since nobody asked for them."""
    found = [(parts[-1].rows, column, parts) for column, all_parts in proposal.parts.items()
             if len(parts := _large_enough(all_parts, level, power)) > 1]
    best = sorted(found, key=lambda one: (-one[0], one[1]))[:MOST_SLICES]
    regression = proposal.data_schema.task == "regression"
    return tuple(SliceSettings(column=column, values=tuple(part.value for part in parts), advisory=True,
                               margin=_of_slice(rows, level, power, regression=regression))
                 for rows, column, parts in best)


def _large_enough(parts: Sequence[Part], level: float, power: float) -> tuple[Part, ...]:
    return tuple(part for part in parts if _shown(part.rows, MARGINS[-1], level, power))


def _of_slice(rows: int, level: float, power: float, *, regression: bool) -> Margin:
    """Wider than that of the whole, as there are fewer rows."""
    if regression:
        return Margin(relative=2 * _relative(rows))
    return Margin(drop=least_margin(rows, level=level, power=power) or WIDEST)
