"""Selection: which candidate should a target serve, judged on validation rows and on what was measured there?

A candidate must meet every budget at the pessimistic end of its interval, have evidence that the target accepts, and
be shown on validation to be worse by less than the margin, with a fair chance to show it again on the test rows. Of
those, the ones that no other beats in everything form the front, and the rule picks from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tasks.deployment.certification import estimate, evidence_of, unusable
from tasks.deployment.paired import Answers
from tasks.deployment.pareto import dominated, tied_with_best, unmeasured
from tasks.deployment.settings import DeploymentSettings
from tasks.errors import DeploymentError
from tasks.records import Budgets, Candidate, Estimate, Evidence, Failed, Measurement, Miss, Record, Refusal
from tasks.training.metrics import METRICS, score

Standing = Literal["chosen", "tied", "costlier", "dominated", "missed"]
QUALITY = ("bound of the drop", "planned power")  # the gates that are about the model, not about the machine


class Place(Protocol):
    """What selection asks of a target."""

    @property
    def name(self) -> str: ...

    @property
    def budgets(self) -> Budgets: ...

    @property
    def accepts(self) -> tuple[Evidence, ...]: ...


class Judged(Record):
    """A candidate before the gates: what it missed, how it compares with the champion, and where it ended."""

    candidate: str
    misses: tuple[Miss, ...] = ()
    drop: Estimate | None = None
    margin: float | None = None
    power: float | None = None
    standing: Standing = "missed"


class Selection(Record):
    """The candidate for certification, those that were in the running, and why each other was not taken.

    fallback: the champion itself where it fits, to be certified should the chosen one not pass.
    """

    target: str
    chosen: str
    front: tuple[str, ...]
    rows: tuple[Judged, ...]
    fallback: tuple[str, ...] = ()


def select(
    target: Place, candidates: Sequence[Candidate], measurements: Sequence[Measurement | Failed],
    champion_answers: Answers, truth: Answers, test_rows: int, metric: str, settings: DeploymentSettings, *,
    answers: Mapping[str, Answers],
) -> Selection | Refusal:
    """Choose a candidate for one target, or say how far the nearest was.

    champion_answers and truth: the champion's answers and the truth of the validation rows; answers: by candidate, its
    own through the target's runtime. Raises DeploymentError where the champion itself cannot be compared with.
    """
    if why := unusable(metric, truth, champion_answers, champion_answers):
        raise DeploymentError(f"{target.name}: the champion's validation answers cannot be compared with: {why}. "
                              f"Run training again.")
    measured = {m.candidate: m for m in measurements if isinstance(m, Measurement) and m.target == target.name}
    margin = settings.margin.of(score(metric, truth, champion_answers))
    gates = _Gates(champion_answers, truth, test_rows, metric, settings, margin)
    judged = tuple(_judge(c, measured.get(c.name), target, answers.get(c.name), gates) for c in candidates)
    fitting = [c for c, row in zip(candidates, judged, strict=True) if not row.misses]
    fallback = _champion_itself(candidates, judged)
    if not fitting and not fallback:
        return _refusal(target, judged)
    return _chosen(target, fitting, fallback, judged, measured, settings, METRICS[metric].higher_is_better)


@dataclass(frozen=True)
class _Gates:
    """The champion's side of every comparison on validation."""

    champion: Answers
    truth: Answers
    test_rows: int
    metric: str
    settings: DeploymentSettings
    margin: float

    def judge(self, candidate: str, answers: Answers | None) -> Judged:
        """Whether the candidate's answers clear the margin here and would be likely to clear it on the test rows."""
        if answers is None or answers.shape != self.champion.shape:
            given = "none" if answers is None else f"of shape {answers.shape}"
            return _missed(candidate, "answers", given, f"of shape {self.champion.shape}")
        evidence = evidence_of(self.metric, self.truth, self.champion, answers, self.settings.margin, self.settings)
        if isinstance(evidence, str):
            return _missed(candidate, "answers", evidence, "answers that can be compared")
        drop = estimate(evidence, self.margin, self.settings)
        power = evidence.planned_power(self.test_rows, self.margin, self.settings)
        misses = [Miss(what=QUALITY[0], value=drop.high, allowed=self.margin)] if not drop.high < self.margin else []
        if not power >= self.settings.power:
            misses.append(Miss(what=QUALITY[1], value=power, allowed=self.settings.power))
        return Judged(candidate=candidate, misses=tuple(misses), drop=drop, margin=self.margin, power=power)


def _judge(
    candidate: Candidate, measured: Measurement | None, target: Place, answers: Answers | None, gates: _Gates
) -> Judged:
    if measured is None:
        return _missed(candidate.name, "measurement", "none", f"one on {target.name}")
    quality = gates.judge(candidate.name, answers)
    return quality.model_copy(update={"misses": (*budget_misses(measured, target), *quality.misses)})


def budget_misses(measured: Measurement, target: Place) -> tuple[Miss, ...]:
    """Which budgets are not met. A timing counts by the far end of its interval: what is not sure to fit does not."""
    misses = [Miss(what=what, value="not measured", allowed="a number") for what in unmeasured(measured)]
    if measured.evidence not in target.accepts:
        misses.append(Miss(what="evidence", value=measured.evidence, allowed=", ".join(target.accepts)))
    budgets = target.budgets.model_dump(exclude_none=True)
    found = (budget_miss(what, getattr(measured, what), allowed) for what, allowed in budgets.items())
    return (*misses, *(miss for miss in found if miss is not None))


def budget_miss(what: str, figure: Estimate | float, allowed: float) -> Miss | None:
    """How a figure misses its budget, by the worse end of its interval; None where it meets it."""
    value = _worse_end(what, figure)
    if _holds(what, value, allowed):
        return None
    return Miss(what=what, value=value if math.isfinite(value) else "not a number", allowed=allowed,
                likely=_likely(what, figure, allowed))


def _worse_end(what: str, figure: Estimate | float) -> float:
    if not isinstance(figure, Estimate):
        return figure
    return figure.low if what == "throughput_per_s" else figure.high


def _holds(what: str, value: float, allowed: float) -> bool:
    """Whether a figure meets a budget; NaN meets none."""
    return value >= allowed if what == "throughput_per_s" else value <= allowed


def _likely(what: str, figure: Estimate | float, allowed: float) -> float | None:
    """The middle of an interval where it alone would meet the budget: the far end may be the machine's unrest."""
    return figure.value if isinstance(figure, Estimate) and _holds(what, figure.value, allowed) else None


def _missed(candidate: str, what: str, value: str, allowed: str) -> Judged:
    return Judged(candidate=candidate, misses=(Miss(what=what, value=value, allowed=allowed),))


def _champion_itself(candidates: Sequence[Candidate], judged: Sequence[Judged]) -> tuple[str, ...]:
    """The unoptimized champion where the machine can afford it: too few rows to show it equal are no reason against it.

    Its graph was proven to answer as the champion does; a drop that is seen in spite of it speaks against.
    """
    return tuple(
        c.name for c, row in zip(candidates, judged, strict=True)
        if c.recipe.start == "champion" and not techniques_of(c)
        and all(miss.what in QUALITY for miss in row.misses)
        and row.drop is not None and row.margin is not None and row.drop.value < row.margin)


def techniques_of(candidate: Candidate) -> list[str]:
    """The kinds of the recipe's techniques that change a model."""
    return [kind for step in candidate.recipe.techniques if (kind := str(step.get("kind"))) != "keep"]


def _chosen(
    target: Place, fitting: Sequence[Candidate], fallback: tuple[str, ...], judged: Sequence[Judged],
    measured: Mapping[str, Measurement], settings: DeploymentSettings, higher_is_better: bool,
) -> Selection:
    numbers = [measured[c.name] for c in fitting]
    beaten = dominated(numbers, higher_is_better=higher_is_better)
    front = tuple(m.candidate for m in numbers if m.candidate not in beaten)
    tied = tied_with_best([m for m in numbers if m.candidate in front], settings.rule)
    order = sorted((c for c in fitting if c.name in tied), key=lambda c: (measured[c.name].size_bytes,
                                                                       len(techniques_of(c)), c.name))
    chosen = order[0].name if order else fallback[0]
    rows = tuple(row.model_copy(update={"standing": _standing(row, chosen, tied, front)}) for row in judged)
    return Selection(target=target.name, chosen=chosen, front=front, rows=rows,
                     fallback=tuple(name for name in fallback if name != chosen))


def _standing(row: Judged, chosen: str, tied: tuple[str, ...], front: tuple[str, ...]) -> Standing:
    if row.candidate == chosen:
        return "chosen"
    if row.misses:
        return "missed"
    if row.candidate in tied:
        return "tied"
    return "costlier" if row.candidate in front else "dominated"


def _refusal(target: Place, judged: Sequence[Judged]) -> Refusal:
    if not judged:
        return Refusal(target=target.name, nearest="", misses=(), reason=f"{target.name}: there was no candidate. "
                       f"Give optimization a recipe whose form {target.name}'s runtime takes.")
    nearest = min(judged, key=lambda row: (sum(math.log(excess(miss)) for miss in row.misses), row.candidate))
    return Refusal(target=target.name, nearest=nearest.candidate, misses=nearest.misses,
                   others={row.candidate: row.misses for row in judged},
                   reason=f"{target.name}: none of {len(judged)} candidates fits; {nearest.candidate} is the nearest")


def excess(miss: Miss) -> float:
    """By what factor a gate was missed; infinite where there was no number to compare.

    >>> excess(Miss(what="size_bytes", value=300, allowed=100)), excess(Miss(what="throughput", value=50, allowed=100))
    (3.0, 2.0)
    """
    if isinstance(miss.value, str) or isinstance(miss.allowed, str) or not (miss.value > 0 and miss.allowed > 0):
        return float("inf")
    return max(miss.value / miss.allowed, miss.allowed / miss.value)
