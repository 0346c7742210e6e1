from __future__ import annotations

from typing import Any

import pytest

from tasks.optimization.attribution import attribute
from tasks.records import (
    Artifact,
    Candidate,
    Estimate,
    Failed,
    Fingerprint,
    Measurement,
    Model,
    Parity,
    Recipe,
    canonical_json,
)

PRUNE: dict[str, Any] = {"kind": "prune", "ratio": 0.5}
QUANTIZE: dict[str, Any] = {"kind": "quantize"}
KEEP: dict[str, Any] = {"kind": "keep"}
FILE = Artifact(uri="file:///graph", sha256="0" * 64, size_bytes=1)


def about(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, method="wilson", n=1)


def recipe(name: str, chain: list[dict[str, Any]], start: str = "cnn") -> Recipe:
    return Recipe(name=name, start=start, chain=canonical_json(chain))


def candidate(name: str, chain: list[dict[str, Any]], size: int, quality: float, start: str = "cnn") -> Candidate:
    return Candidate(name=name, model=Model(form="onnx", artifact=FILE), recipe=recipe(name, chain, start),
                     family="cnn", parent="0" * 64, size_bytes=size, quality=about(quality), answers=FILE,
                     parity=Parity(rows=1, largest_difference=0, tolerance=1))


def measurement(name: str, latency: float) -> Measurement:
    machine = Fingerprint(cpu="", isa=(), cores=1, memory_bytes=1, system="", versions={})
    return Measurement(candidate=name, target="t", scenario="offline", latency_p50_ms=about(latency),
                       latency_p99_ms=about(1), throughput_per_s=about(1), cpu_s_per_1000=about(1), memory_bytes=1,
                       size_bytes=1, quality=about(1), answers=FILE, rounds={}, evidence="measured",
                       fingerprint=machine, shortened=True)


MADE = [candidate("whole", [KEEP], 1000, 0.99), candidate("p", [PRUNE], 400, 0.98),
        candidate("q", [QUANTIZE], 250, 0.985), candidate("p-q", [PRUNE, KEEP, QUANTIZE], 100, 0.97)]


def test_each_technique_is_left_out_once() -> None:
    lines = {(line.recipe, line.technique): line for line in attribute(MADE)}
    assert {key: line.without for key, line in lines.items()} == {
        ("p", "prune"): "whole", ("q", "quantize"): "whole", ("p-q", "prune"): "q", ("p-q", "quantize"): "p"}
    assert lines["p-q", "prune"].size_factor == pytest.approx(2.5)
    assert lines["p-q", "quantize"].quality_change == pytest.approx(-0.01)
    assert lines["p-q", "quantize"].latency_factor is None


def test_latency_is_the_mean_over_targets_that_measured_both() -> None:
    measured = {"server": [measurement("whole", 2.0), measurement("p", 1.0)],
                "tiny": [measurement("whole", 8.0), measurement("p", 1.0)], "other": [measurement("p", 1.0)]}
    line = attribute(MADE[:2], measured)[0]
    assert line.latency_factor == pytest.approx(4.0)


def test_other_settings_or_another_start_are_another_recipe() -> None:
    others = [candidate("p30", [{**PRUNE, "ratio": 0.3}], 700, 0.99), candidate("mlp", [KEEP], 900, 0.97, start="mlp")]
    assert attribute([*others, candidate("p-q", [PRUNE, QUANTIZE], 100, 0.97)]) == ()


def test_a_failed_recipe_has_no_part() -> None:
    assert attribute([Failed(name="whole", recipe=recipe("whole", [KEEP]), reason="why"), MADE[1]]) == ()
