"""Certification: is the selected candidate good enough on rows that nothing was chosen by, overall and in each slice?

Pass: the bound of the drop clears the margin. Fail: shown to be worse by more than the margin. Inconclusive: neither,
or not measured; it never releases. Each slice is tested at the same level and every one must pass, so passing needs no
correction for how many there are (R. L. Berger, Multiparameter hypothesis testing and acceptance sampling,
Technometrics 24 (1982) 295-300).
"""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd

from tasks.deployment.paired import Answers, Paired, paired
from tasks.deployment.settings import DeploymentSettings, Margin
from tasks.deployment.slices import members
from tasks.errors import DeploymentError
from tasks.records import Comparison, Estimate, Outcome, Schema, Verdict
from tasks.training.metrics import METRICS, score

UNBOUNDED = sys.float_info.max  # a record's numbers are finite: "nothing is known" is the widest of them


def certify(
    candidate: str, truth: Answers, champion_answers: Answers, candidate_answers: Answers, frame: pd.DataFrame,
    schema: Schema, metric: str, settings: DeploymentSettings,
) -> Verdict:
    """Compare a candidate with the champion on the same rows.

    truth: class indices or numbers (rows,); answers: probabilities (rows, classes) or predictions (rows,); frame: the
    rows themselves, for the slices. Answers that are not finite, or no rows at all, are inconclusive.
    Raises DeploymentError where lengths, shapes or the metric do not fit, SettingsError for a slice of nothing known.
    """
    _must_fit(candidate, truth, champion_answers, candidate_answers, frame, metric)
    overall = compare("overall", metric, truth, champion_answers, candidate_answers, settings.margin, settings)
    parts = tuple(
        compare(name, metric, truth[rows], champion_answers[rows], candidate_answers[rows], part.margin, settings,
                advisory=part.advisory)
        for part in settings.slices for name, rows in members(frame, truth, schema, part))
    return Verdict(candidate=candidate, outcome=outcome_of((overall, *parts)), overall=overall, slices=parts)


def outcome_of(comparisons: tuple[Comparison, ...]) -> Outcome:
    """All that are not advisory must pass; one that failed outweighs those that are inconclusive."""
    outcomes = {c.outcome for c in comparisons if not c.advisory}
    if outcomes == {"pass"}:
        return "pass"
    return "fail" if "fail" in outcomes else "inconclusive"


def compare(
    name: str, metric: str, truth: Answers, champion: Answers, candidate: Answers, margin: Margin,
    settings: DeploymentSettings, *, advisory: bool = False,
) -> Comparison:
    """The paired comparison on these rows; where it cannot be made it is inconclusive and says why in its method."""
    evidence = evidence_of(metric, truth, champion, candidate, margin, settings)
    if isinstance(evidence, str):
        return _unmeasured(name, metric, evidence, len(truth), margin, advisory=advisory)
    ours, theirs = score(metric, truth, candidate), score(metric, truth, champion)
    allowed = margin.of(theirs)
    drop = estimate(evidence, allowed, settings)
    outcome = _outcome(drop, allowed)
    needed = _rows_needed(evidence, allowed, settings) if outcome == "inconclusive" else None
    return Comparison(name=name, metric=metric, candidate=ours, champion=theirs, drop=drop, margin=allowed,
                      outcome=outcome, rows_needed=needed, advisory=advisory)


def estimate(evidence: Paired, margin: float, settings: DeploymentSettings) -> Estimate:
    """The drop with its one-sided bounds, each at the level."""
    low, high = evidence.bounds(margin, settings)
    return Estimate(value=evidence.drop, low=max(low, -UNBOUNDED), high=min(high, UNBOUNDED), level=settings.level,
                    method=evidence.method, n=evidence.rows)


def evidence_of(
    metric: str, truth: Answers, champion: Answers, candidate: Answers, margin: Margin, settings: DeploymentSettings
) -> Paired | str:
    """What the answers show, or in words why they show nothing."""
    if why := unusable(metric, truth, champion, candidate):
        return why
    found = paired(metric, truth, champion, candidate, margin, seed=settings.seed)
    return found if found.finite else f"{metric} hangs on a single row of a class"


def unusable(metric: str, truth: Answers, champion: Answers, candidate: Answers) -> str:
    """Why these answers cannot be compared, or '': no rows, numbers that are not finite, a metric that is undefined."""
    if len(truth) == 0:
        return "no rows"
    if not all(np.isfinite(numbers).all() for numbers in (truth, champion, candidate)):
        return "answers that are not finite"
    if not all(math.isfinite(score(metric, truth, answers)) for answers in (champion, candidate)):
        return f"{metric} is not defined on these rows"
    return ""


def _outcome(drop: Estimate, margin: float) -> Outcome:
    if drop.high < margin:
        return "pass"
    return "fail" if drop.low > margin else "inconclusive"


def _rows_needed(evidence: Paired, margin: float, settings: DeploymentSettings) -> int | None:
    """None where as many rows are already there: more like them are not expected to help."""
    needed = evidence.rows_needed(margin, settings) if margin > 0 else 0
    return needed if needed > evidence.rows else None


def _unmeasured(name: str, metric: str, why: str, rows: int, margin: Margin, *, advisory: bool) -> Comparison:
    drop = Estimate(value=0.0, low=-UNBOUNDED, high=UNBOUNDED, method=f"not measured: {why}", n=rows)
    return Comparison(name=name, metric=metric, candidate=0.0, champion=0.0, drop=drop, margin=margin.of(0.0),
                      outcome="inconclusive", advisory=advisory)


def _must_fit(
    candidate: str, truth: Answers, champion: Answers, ours: Answers, frame: pd.DataFrame, metric: str
) -> None:
    if metric not in METRICS:
        raise DeploymentError(f"metric {metric!r} is not known. Known are {', '.join(sorted(METRICS))}.")
    if not len(truth) == len(champion) == len(ours) == len(frame):
        raise DeploymentError(f"{candidate}: {len(frame)} rows have {len(truth)} truths, {len(champion)} answers of "
                              f"the champion and {len(ours)} of the candidate. Run the stage again: one is stale.")
    if champion.shape != ours.shape:
        raise DeploymentError(f"{candidate} answers in shape {ours.shape}, the champion in {champion.shape}. Run the "
                              f"stage again: one is stale.")
