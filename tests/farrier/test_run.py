"""What a run's exit code says of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farrier.run import exit_code
from flows.chronicle import Outcome
from flows.deployment import Deployed
from flows.run import Summary
from tasks.deployment.releasing import release
from tasks.records import Budgets, Refusal
from tasks.report.story import TargetStory
from tasks.store import CHECKOUT, Store

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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes' starts elsewhere")
def test_what_was_waited_for_begins_with_the_process() -> None:
    script = "import time; time.sleep(0.5); from farrier.run import waited_s; print(waited_s(time.monotonic()))"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert 0.4 < float(done.stdout) < 60


def test_a_run_that_was_to_stop_early_is_done() -> None:
    assert exit_code(ended(), strict=True) == 0
