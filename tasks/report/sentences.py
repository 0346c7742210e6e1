"""What was asked and decided, in sentences that need no knowledge of the machinery."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.calling import as_called
from tasks.records import (
    Budgets,
    Candidate,
    Comparison,
    Measurement,
    Miss,
    Recipe,
    Refusal,
    Release,
    TrainedModel,
    Verdict,
)
from tasks.report import words
from tasks.report.story import Story, TargetStory

STANDINGS = {
    "tied": "fits; as cheap as the chosen one, which is smaller or simpler", "costlier": "fits; another costs less",
    "dominated": "fits; another is as good or better in everything",
}
OUTCOMES = {"pass": "Passed", "fail": "Failed", "inconclusive": "Not decided"}


def asked(story: Story) -> str:
    """What the run was asked for."""
    schema, rows = story.prepared.data_schema, story.prepared.rows
    answer = f"one of {len(schema.classes)} classes" if schema.classes else "a number"
    targets = words.counted(len(story.targets), "target")
    return (f"Predict {schema.target.name} ({answer}) from {words.counted(rows.total, 'row')} with "
            f"{words.counted(len(schema.features), 'feature')}, and release for each of {targets} the cheapest model "
            f"that keeps the quality of the best one.")


def trained(story: Story) -> str:
    """Which model came out best, and how good it is."""
    best = story.champion_model
    if best is None:
        return "No model was trained."
    return (f"{words.counted(len(story.trained), 'family').replace('familys', 'families')} were trained; "
            f"{_chosen(story, best)}: {_metric(story)} {words.quality(best.quality, story.metric)} on "
            f"{words.counted(best.quality.n, 'validation row')}. It is the champion that all others are held against.")


def _chosen(story: Story, best: TrainedModel) -> str:
    """That the champion is the best, or the smallest of those that the rows do not tell from the best."""
    top = max(story.trained, key=lambda model: words.better(story.metric) * model.quality.value)
    if top.quality.value == best.quality.value:
        return f"the best is {best.family}"
    return (f"of those that the rows do not tell from the best, {top.family} with "
            f"{words.score(top.quality.value, story.metric)}, the smallest is {best.family}")


def optimized(story: Story) -> str:
    """How many ways of making it cheaper were tried."""
    failed = len(story.candidates) - len(story.made)
    note = f"; {failed} failed" if failed else ""
    return f"{words.counted(len(story.candidates), 'recipe')} for making it smaller and faster were tried{note}."


def decided(story: Story, target: TargetStory) -> str:
    """What became of a target: released, refused or not certified, and the numbers that decided."""
    if target.release is None:
        return outcome(target, story.metric)
    made = _candidate(story, target, target.release.candidate)
    return f"{_stopped(target)}{_standing(target, target.release)}, {made}"


def outcome(target: TargetStory, metric: str = "") -> str:
    """What became of a target, as far as the target alone can tell."""
    if target.release is not None:
        return (f"{_stopped(target)}{_standing(target, target.release)}, {target.release.candidate}. "
                f"{certified(target.release.verdict)}")
    if target.verdict is not None and target.verdict.outcome != "pass":
        return (f"nothing released: {target.verdict.candidate} was not certified. {certified(target.verdict)} "
                f"Whatever served before still serves.")
    if target.refusal is not None:
        return f"nothing released: {_refused(target.refusal, metric)} Whatever served before still serves."
    return "nothing released: no decision was recorded."


def _standing(target: TargetStory, release: Release) -> str:
    """That this run released it, or that it served before and still does."""
    if not target.served_since:
        return f"released v{release.version}"
    return f"unchanged: v{release.version} serves since {words.moment(target.served_since)}"


def _stopped(target: TargetStory) -> str:
    """Who was sent to the gate before the one that passed, and what it said of them."""
    return "".join(f"{verdict.candidate}, chosen first, was not certified ({verdict.outcome}: "
                   f"{compared(verdict.overall).rstrip('.')}); " for verdict in target.tried
                   if target.release is not None and verdict.candidate != target.release.candidate)


def _refused(refusal: Refusal, metric: str) -> str:
    if not refusal.misses:
        return as_called(refusal.reason).rstrip(".") + "."
    return (f"no candidate fits. The nearest, {refusal.nearest}, missed: {missing(refusal.misses, metric)}. "
            f"{_way_out(refusal.misses)}")


def _way_out(misses: tuple[Miss, ...]) -> str:
    if all(miss.likely is not None for miss in misses):
        return ("Only the far end of an interval is too large, as on a busy machine: run again with --from deployment "
                "when it is quiet.")
    if all(miss.what == "planned power" for miss in misses):
        return "So few test rows would hardly show that it is good enough: give more rows, or a wider margin."
    return "Raise the budget or the margin, or add a recipe."


def _candidate(story: Story, target: TargetStory, name: str) -> str:
    measurement = target.measurement(name) or (target.release.measurement if target.release else None)
    verdict = target.verdict or (target.release.verdict if target.release else None)
    parts = [f"the {described(story, name)} ({name})"]
    if measurement is not None:
        gains = gained(story, target, measurement)
        parts.append(f": {gains + '; ' if gains else ''}{_metric(story)} "
                     f"{words.quality(measurement.quality, story.metric)} on validation")
    return "".join(parts) + ". " + (certified(verdict) if verdict else "")


def described(story: Story, name: str) -> str:
    """A candidate in plain words."""
    candidate = story.candidate(name)
    return words.model([t["kind"] for t in candidate.recipe.techniques], candidate.family) if candidate else "model"


def gained(story: Story, target: TargetStory, measurement: Measurement) -> str:
    """How much smaller and faster than the champion as trained, on the same target; empty where that is not known."""
    base = baseline(story, target)
    if base is None or base.candidate == measurement.candidate:
        return ""
    parts = [_compared(base.size_bytes, measurement.size_bytes, "smaller", "larger"),
             _compared(base.latency_p50_ms.value, measurement.latency_p50_ms.value, "faster", "slower")]
    return words.listed([p for p in parts if p]) + " than the champion unoptimized" if any(parts) else ""


def _compared(before: float, after: float, more: str, less: str) -> str:
    if not (before > 0 and after > 0):
        return ""
    return f"{words.factor(before / after)} {more}" if before >= after else f"{words.factor(after / before)} {less}"


def baseline(story: Story, target: TargetStory) -> Measurement | None:
    """The champion as it was trained, measured on this target: what candidates are compared with."""
    kept = [c.name for c in story.made if is_kept(c) and c.family == story.champion]
    return next((m for m in target.measured if m.candidate in kept), None)


def is_kept(candidate: Candidate) -> bool:
    """Whether a recipe changed nothing."""
    return all(t["kind"] == "keep" for t in candidate.recipe.techniques)


def certified(verdict: Verdict) -> str:
    """Certification's word and the numbers behind it."""
    text = f"{OUTCOMES[verdict.outcome]}: {compared(verdict.overall)}"
    blocking = [s.name for s in verdict.slices if s.outcome != "pass" and not s.advisory]
    return text + (f" Slices that did not pass: {words.listed(blocking)}." if blocking else "")


def compared(comparison: Comparison) -> str:
    """A paired comparison with the champion, as a sentence."""
    metric, drop = comparison.metric, comparison.drop
    sentence = (f"on {words.counted(drop.n, 'test row')} it reaches {words.score(comparison.candidate, metric)}, the "
                f"champion {words.score(comparison.champion, metric)}; {_bounded(drop.high, metric)}, margin "
                f"{words.points(comparison.margin, metric)}.")
    if comparison.rows_needed:
        sentence += f" About {words.counted(comparison.rows_needed, 'row')} would decide."
    return sentence


def _bounded(high: float, metric: str) -> str:
    return "so few rows bound no drop" if high > words.WIDEST else f"drop bounded by {words.points(high, metric)}"


def missing(misses: tuple[Miss, ...], metric: str = "") -> str:
    """All that was missed, in one line."""
    return "; ".join(words.missed(m, metric) for m in misses) or "nothing that was recorded"


def fate(target: TargetStory, candidate: str, metric: str = "") -> str:
    """Why a candidate was or was not released on a target, in a few words."""
    if target.release is not None and target.release.candidate == candidate:
        return f"serves as v{target.release.version}" if target.served_since else f"released v{target.release.version}"
    gate = next((verdict for verdict in target.tried if verdict.candidate == candidate), None)
    if gate is not None and candidate != target.chosen:
        return f"tried at the gate; certification: {gate.outcome}"
    if target.chosen == candidate:
        return _gate(target)
    if misses := _misses(target, candidate):
        return missing(misses, metric)
    if candidate not in target.misses:
        return "did not fit" if target.refusal else "no decision recorded"
    front = "costlier" if candidate in target.front else "dominated"
    return STANDINGS.get(target.standing.get(candidate, front), STANDINGS[front])


def _misses(target: TargetStory, candidate: str) -> tuple[Miss, ...]:
    kept = target.misses.get(candidate, ())
    nearest = target.refusal if target.refusal is not None and target.refusal.nearest == candidate else None
    return kept or (nearest.misses if nearest else ())


def _gate(target: TargetStory) -> str:
    return f"chosen; certification: {target.verdict.outcome}" if target.verdict else "chosen; not certified"


def _metric(story: Story) -> str:
    return story.metric.replace("_", " ")


def state(target: TargetStory) -> str:
    """A target's state in one word: released, refused, or open."""
    return "released" if target.release else "refused" if target.refusal else "open"


def chain(recipe: Recipe) -> str:
    """A recipe's techniques in order."""
    return ", then ".join(str(t["kind"]) for t in recipe.techniques) or "keep"


def budgets(limits: Budgets) -> str:
    """What a target can afford."""
    asked_for = [f"{words.name_of(name)} at {'least' if name in words.AT_LEAST else 'most'} "
                 f"{words.quantity(name, value)}" for name, value in limits if value is not None]
    return "; ".join(asked_for) or "none"


def evidence(target: TargetStory) -> Iterator[str]:
    """Where a target's numbers come from: how they were had, on which machine, from how many rows."""
    for kind in sorted({m.evidence for m in target.measured}):
        first = next(m for m in target.measured if m.evidence == kind)
        yield f"Latency, throughput, CPU time and memory: {kind}, {_made(first)}{_machine(first)}."
    if target.measured:
        quality = target.measured[0].quality
        yield (f"Quality: {words.counted(quality.n, 'validation row')} through this runtime; intervals of "
               f"{quality.level:.0%}, {quality.method}.")
    if target.verdict:
        drop = target.verdict.overall.drop
        yield (f"Certification: {words.counted(drop.n, 'test row')}, {_used(len(target.tried))}; {drop.method} at "
               f"{drop.level:.0%}.")


def _used(times: int) -> str:
    if times <= 1:
        return "used once"
    return f"used for {times} candidates in turn, so that the level holds for each and not for all together"


def _made(m: Measurement) -> str:
    rounds = max((len(values) for values in m.rounds.values()), default=0)
    shortened = ", runs shorter than MLPerf's rules ask" if m.shortened else ""
    return f"{words.counted(rounds, 'round')} in turn with the other candidates ({m.latency_p50_ms.method}{shortened})"


def _machine(m: Measurement) -> str:
    machine = m.fingerprint
    versions = ", ".join(f"{name} {version}" for name, version in sorted(machine.versions.items()))
    return (f", on {machine.cpu}, {words.counted(machine.cores, 'core')}, {words.size(machine.memory_bytes)}, "
            f"{machine.system}" + (f" ({versions})" if versions else ""))


def capitalized(text: str) -> str:
    """A sentence with a capital; what follows the first letter stays as it is."""
    return text[:1].upper() + text[1:]
