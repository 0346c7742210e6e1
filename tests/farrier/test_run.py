"""What a run's exit code says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farrier.run import exit_code
from flows.chronicle import Outcome
from flows.deployment import Deployed
from flows.run import Summary
from tasks.deployment.releasing import release
from tasks.records import Budgets, Refusal
from tasks.report.story import TargetStory
from tasks.store import Store

REFUSED = {"refusal": Refusal(target="here", nearest="keep", misses=(), reason="nothing fits")}


def ended(*targets: dict[str, Any]) -> Outcome:
    stories = (TargetStory(name="here", budgets=Budgets(), scenario="offline", threads=1, measurements=(), **one)
               for one in targets)
    return Outcome(summary=Summary(key="k", project="p", status="finished", started=""),
                   deployed=tuple(Deployed(story=story) for story in stories))


def test_strict_asks_for_a_release_on_every_target(pack_one: Callable[..., Any]) -> None:
    packed = pack_one()
    served = {"release": release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())}
    assert [exit_code(ended(served, REFUSED), strict=strict) for strict in (False, True)] == [0, 3]
    assert [exit_code(ended(served, served), strict=strict) for strict in (False, True)] == [0, 0]
    assert [exit_code(ended(REFUSED), strict=strict) for strict in (False, True)] == [3, 3]


def test_a_run_that_was_to_stop_early_is_done() -> None:
    assert exit_code(ended(), strict=True) == 0
