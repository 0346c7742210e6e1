"""What a target comes to where nothing may be released, or the gate stopped the first choice; no server runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.deployment import _why, never_released, outcomes_of
from tasks.deployment.certification import UNBOUNDED
from tasks.deployment.releasing import release
from tasks.deployment.runtimes import RUNTIMES, Runtime
from tasks.deployment.selection import Selection
from tasks.deployment.target import Target
from tasks.records import Budgets, Miss, Verdict
from tasks.report import sentences
from tasks.report.story import TargetStory
from tasks.store import Store


def story(**more: Any) -> TargetStory:
    return TargetStory(name="here", budgets=Budgets(), scenario="single-stream", threads=1, measurements=(), **more)


@pytest.mark.parametrize("runtime", [one for one in RUNTIMES if not one.releasable])
def test_a_reference_is_measured_and_then_refused(runtime: type[Runtime]) -> None:
    kind = runtime.model_fields["kind"].default
    target = Target.model_validate({"name": "here", "runtime": {"kind": kind}})
    refusal = never_released(target, Selection(target="here", chosen="keep", front=("keep",), rows=()))
    assert (refusal.nearest, refusal.misses) == ("keep", ())
    told = sentences.outcome(story(refusal=refusal, chosen="keep"))
    assert told.startswith(f"nothing released: here runs models in {kind}, a reference, never released")


def test_the_gates_word_is_each_candidates_own(pack_one: Callable[..., Any]) -> None:
    packed = pack_one()
    made = release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())
    stopped = packed.verdict.model_copy(update={"candidate": "int8", "outcome": "inconclusive"})
    misses = {"int8": (), "linear-keep": (), "tied": (), "big": (Miss(what="size_bytes", value=2, allowed=1),)}
    told = outcomes_of(story(misses=misses, tried=(stopped, packed.verdict), release=made, chosen="linear-keep"))
    assert told == {"int8": "certification: inconclusive", "linear-keep": "released", "tied": "fits",
                    "big": "size_bytes"}
    assert outcomes_of(story(misses=misses, tried=(stopped,)))["int8"] == "certification: inconclusive"


def test_a_drop_that_too_few_rows_leave_open_is_told_without_its_number(pack_one: Callable[..., Any]) -> None:
    overall = pack_one().verdict.overall
    drop = overall.drop.model_copy(update={"low": -UNBOUNDED, "high": UNBOUNDED})
    open_ = overall.model_copy(update={"name": "plan=basic", "outcome": "inconclusive", "drop": drop,
                                       "rows_needed": 100})
    told = _why(Verdict(candidate="keep", outcome="inconclusive", overall=overall, slices=(open_,)))
    assert told == ("plan=basic is inconclusive: the drop in accuracy may be anything, the margin is 0.0200, "
                    "100 rows would decide")
