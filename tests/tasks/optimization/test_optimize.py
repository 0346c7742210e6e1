from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import processes
from tasks.errors import CorruptedArtifact, OptimizationError, StoreFull
from tasks.optimization.optimize import attempt, optimize
from tasks.optimization.recipes import plan
from tasks.optimization.settings import OptimizationSettings
from tasks.optimization.techniques import Keep
from tasks.processes import ChildFailed
from tasks.records import Artifact, Candidate, Failed, PreparedData
from tasks.store import Store
from tasks.training.families import Cnn, Forest, Linear, Mlp


def settings(*chain: dict, start: str = "champion", **others) -> OptimizationSettings:
    tried = {"name": "tried", "start": start, "chain": chain}
    return OptimizationSettings.model_validate({"recipes": [tried], **others})


def recipe(conf: OptimizationSettings):
    return plan(conf, (Linear(), Forest(), Mlp(), Cnn()))[0]


def test_keep_gives_the_graph_and_the_model_it_was_made_from(train, mixed: PreparedData, shelf: Store) -> None:
    start, conf = train("forest", mixed), settings({"kind": "keep"})
    made = optimize(recipe(conf), start, mixed, conf, shelf)
    assert isinstance(made, Candidate)
    assert made.source == start.model
    assert made.parent == start.model.artifact.sha256
    assert made.size_bytes == made.model.size_bytes
    assert made.quality.value == start.quality.value
    assert np.allclose(np.load(shelf.fetch(made.answers)), np.load(shelf.fetch(start.answers)), atol=1e-5)
    assert optimize(recipe(conf), start, mixed, conf, shelf) == made


def test_a_graph_that_was_changed_after_export_has_no_source(train, digits: PreparedData, shelf: Store) -> None:
    conf = settings({"kind": "quantize"})
    made = attempt(recipe(conf), train("mlp", digits), digits, conf, shelf)
    assert isinstance(made, Candidate)
    assert made.source is None
    assert made.parity.largest_difference <= 1e-4


def test_export_stands_before_the_first_technique_on_graphs(train, digits: PreparedData, shelf: Store) -> None:
    conf = settings({"kind": "distill", "widths": [24], "epochs": 6, "copies": 0}, {"kind": "prune", "epochs": 1},
                    {"kind": "quantize"}, {"kind": "keep"})
    made = attempt(recipe(conf), train("forest", digits), digits, conf, shelf)
    assert isinstance(made, Candidate)
    assert (made.family, made.model.form) == ("mlp", "onnx")


def test_a_champion_that_the_chain_cannot_take_is_not_applicable(train, mixed: PreparedData, shelf: Store) -> None:
    conf = settings({"kind": "trim"})
    made = optimize(recipe(conf), train("linear", mixed), mixed, conf, shelf)
    assert isinstance(made, Failed)
    assert made.reason.startswith("not applicable: trim takes models of the families boosting, forest")


def test_a_graph_without_parity_is_no_candidate(train, mixed: PreparedData, shelf: Store) -> None:
    conf = settings({"kind": "keep"}, parity_tolerance=1e-12)
    made = optimize(recipe(conf), train("mlp", mixed), mixed, conf, shelf)
    assert isinstance(made, Failed)
    assert "they differ by" in made.reason
    assert "\n" not in made.reason


def test_what_a_library_raises_is_a_reason(train, mixed: PreparedData, shelf: Store) -> None:
    conf = settings({"kind": "keep"})
    forest = train("forest", mixed)
    broken = forest.model_copy(update={"model": forest.model.model_copy(update={"artifact": forest.answers})})
    made = attempt(recipe(conf), broken, mixed, conf, shelf)
    assert isinstance(made, Failed)
    assert "BadZipFile" in made.reason


def test_a_store_that_lost_the_model_ends_the_run(train, mixed: PreparedData, shelf: Store) -> None:
    conf = settings({"kind": "keep"})
    gone = Artifact(uri="file:///gone", sha256="0" * 64, size_bytes=1)
    forest = train("forest", mixed)
    lost = forest.model_copy(update={"model": forest.model.model_copy(update={"artifact": gone})})
    with pytest.raises(CorruptedArtifact):
        optimize(recipe(conf), lost, mixed, conf, shelf)


def test_a_full_disk_says_nothing_of_the_recipe(train, mixed: PreparedData, small_disk: Path) -> None:
    """Nothing is given back that could be kept: when there is room again, the same recipe gives its candidate."""
    start, conf, store = train("forest", mixed), settings({"kind": "keep"}), Store(small_disk / "store")
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    with pytest.raises((OSError, StoreFull)):
        optimize(recipe(conf), start, mixed, conf, store)
    (small_disk / "filler").unlink()
    assert isinstance(optimize(recipe(conf), start, mixed, conf, store), Candidate)


@pytest.mark.parametrize("ask", [lambda: np.zeros(2**59), lambda: torch.zeros(2**59)], ids=["numpy", "torch"])
def test_too_little_memory_says_nothing_of_the_recipe(ask: Callable[[], Any], train, mixed: PreparedData, shelf: Store,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    conf, start = settings({"kind": "keep"}), train("linear", mixed)
    monkeypatch.setattr(Keep, "apply", lambda *given, **options: ask())
    with pytest.raises(OptimizationError, match=r"recipe 'tried' needs more memory than there is: .*allocate"):
        attempt(recipe(conf), start, mixed, conf, shelf)


def test_a_killed_child_says_nothing_of_the_recipe(train, mixed: PreparedData, shelf: Store) -> None:
    conf, start = settings({"kind": "keep"}), train("linear", mixed)
    killer = threading.Thread(target=_kill_the_first_child, daemon=True)
    killer.start()
    with pytest.raises(ChildFailed, match="exit code -9"):
        optimize(recipe(conf), start, mixed, conf, shelf)
    killer.join()


def _kill_the_first_child() -> None:
    while not processes.CHILDREN:
        time.sleep(0.001)
    processes.stop_all()
