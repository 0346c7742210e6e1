"""A story as a run tells it: twelve candidates, a failed recipe, and targets with a release, a refusal and a doubt."""

import hashlib

import numpy as np
import pytest

from tasks.records import (
    Artifact,
    Budgets,
    Candidate,
    Column,
    Comparison,
    Estimate,
    Failed,
    Fingerprint,
    Measurement,
    Miss,
    Model,
    Parity,
    PreparedData,
    Recipe,
    Refusal,
    Release,
    Rows,
    Schema,
    TrainedModel,
    Verdict,
    canonical_json,
)
from tasks.report.page import render
from tasks.report.story import Attribution, Lineage, Story, TargetStory

CHAINS = {
    "keep": [], "keep-forest": ["keep"], "mlp-int8": ["quantize"], "cnn-int8": ["quantize"], "prune-50": ["prune"],
    "prune-50-int8": ["prune", "quantize"], "prune-75": ["prune"], "prune-75-int8": ["prune", "quantize"],
    "distill-small": ["distill"], "distill-small-int8": ["distill", "quantize"], "forest-trim": ["trim"],
    "forest-distill-int8": ["distill", "quantize"],
}
SIZES = [431_000, 2_900_000, 44_100, 121_000, 118_000, 36_200, 41_000, 15_900, 22_500, 9_100, 260_000, 11_800]
P50 = [0.031, 0.094, 0.0091, 0.0452, 0.0243, 0.0312, 0.0171, 0.0224, 0.0070, 0.0094, 0.0301, 0.0096]
FAMILIES = (("cnn", 0.9911), ("mlp", 0.9778), ("forest", 0.9756), ("constant", 0.1))
QUALITY = [0.9911, 0.9756, 0.9733, 0.9911, 0.9889, 0.9889, 0.9822, 0.9800, 0.9778, 0.9733, 0.9689, 0.9622]


def artifact(name, size=1000):
    return Artifact(uri=f"file:///store/{name}", sha256=hashlib.sha256(name.encode()).hexdigest(), size_bytes=size)


def estimate(value, spread, method="wilson", n=450):
    return Estimate(value=value, low=value - spread, high=value + spread * 0.6, method=method, n=n)


def recipe(name):
    return Recipe(name=name, start="forest" if "forest" in name else "champion",
                  chain=canonical_json([{"kind": kind} for kind in CHAINS.get(name, ["prune"])]))


def candidate(name, size, quality):
    return Candidate(name=name, model=Model(form="onnx", artifact=artifact(name, size)), recipe=recipe(name),
                     family="forest" if "forest" in name else "mlp" if "mlp" in name else "cnn",
                     parent=artifact("cnn").sha256, size_bytes=size, quality=estimate(quality, 0.012),
                     answers=artifact(f"{name}-answers"),
                     parity=Parity(rows=462, largest_difference=2e-6, tolerance=1e-4))


def measurement(name, target, size, p50, quality):
    return Measurement(
        candidate=name, target=target, scenario="single-stream",
        latency_p50_ms=estimate(p50, p50 * 0.04, "bootstrap over rounds", 7),
        latency_p99_ms=estimate(p50 * 1.9, p50 * 0.3, "bootstrap over rounds", 7),
        throughput_per_s=estimate(1000 / p50 * 0.97, 900.0, "bootstrap over rounds", 7),
        cpu_s_per_1000=estimate(p50 * 1.02, p50 * 0.03, "bootstrap over rounds", 7),
        memory_bytes=61_000_000 + size, size_bytes=size, quality=estimate(quality, 0.012),
        answers=artifact(f"{name}-{target}"), rounds={"p50_ms": (p50, p50 * 1.01)}, evidence="measured",
        fingerprint=Fingerprint(cpu="Intel Xeon 8481C", isa=("avx2", "avx512f", "avx512_vnni"), cores=2,
                                memory_bytes=8_000_000_000, system="Linux 6.1 x86_64",
                                versions={"onnxruntime": "1.32.0"}),
        shortened=True)


def comparison(name, drop, bound, outcome, margin=0.02, **more):
    return Comparison(name=name, metric="accuracy", candidate=0.9911 - drop, champion=0.9911, margin=margin,
                      drop=Estimate(value=drop, low=-1.0, high=bound, method="Tango score, one-sided", n=450),
                      outcome=outcome, **more)


def verdict(name, outcome, bound):
    overall = comparison("overall", 0.0022, bound, outcome, rows_needed=None if outcome == "pass" else 820)
    slices = (comparison("label=8", 0.0, 0.041, "pass", 0.06),
              comparison("label=1", 0.02, 0.083, "inconclusive", 0.06, advisory=True))
    return Verdict(candidate=name, outcome=outcome, overall=overall, slices=slices)


def target(name, budgets, misses, front, **more):
    numbers = zip(CHAINS, SIZES, P50, QUALITY, strict=True)
    slower = {"cpu-server": 0.8, "cpu-single-core": 1.0, "cpu-tiny": 1.05}.get(name, 1.0)
    return TargetStory(name=name, budgets=budgets, scenario="single-stream", threads=1, misses=misses, front=front,
                       measurements=tuple(measurement(n, name, s, p * slower, q) for n, s, p, q in numbers), **more)


def released(name, outcome, version):
    return Release(project="digits", target=name, version=version, candidate="prune-75-int8",
                   package=artifact("package"), verdict=verdict("prune-75-int8", outcome, 0.0131),
                   created="2026-03-01T12:01:00Z", run="a1b2c3",
                   measurement=measurement("prune-75-int8", name, 15_900, 0.0224, 0.98))


def targets():
    large = {n: (Miss(what="size_bytes", value=s, allowed=20_000),) for n, s in zip(CHAINS, SIZES, strict=True)}
    worse = (Miss(what="paired_bound", value=0.031, allowed=0.02),)
    tiny = large | {"prune-75-int8": (), "distill-small-int8": worse, "forest-distill-int8": worse}
    slow = {n: (Miss(what="latency_p50_ms", value=p, allowed=0.005),) for n, p in zip(CHAINS, P50, strict=True)}
    fits = dict.fromkeys(CHAINS, ())
    return (
        target("cpu-tiny", Budgets(size_bytes=20_000, latency_p50_ms=0.05), tiny, ("prune-75-int8",),
               chosen="prune-75-int8", verdict=verdict("prune-75-int8", "pass", 0.0131),
               release=released("cpu-tiny", "pass", 3)),
        target("cpu-single-core", Budgets(latency_p50_ms=0.005), slow, (), refusal=Refusal(
            target="cpu-single-core", nearest="distill-small", misses=slow["distill-small"],
            reason="no candidate meets every budget")),
        target("cpu-server", Budgets(latency_p99_ms=0.2, throughput_per_s=9000), fits,
               ("keep", "distill-small", "prune-50"), chosen="distill-small",
               verdict=verdict("distill-small", "inconclusive", 0.0312)),
    )


def schema():
    pixels = tuple(Column(name=f"pixel_{r}_{c}", kind="number", dtype="float", low=0, high=16)
                   for r in range(8) for c in range(8))
    label = Column(name="label", kind="category", dtype="string", categories=tuple("0123456789"))
    return Schema(input="image", shape=(8, 8), columns=pixels, target=label, task="multiclass")


def prepared():
    names = ("snapshot", "train", "validation", "test", "quarantine", "profile", "expectations")
    return PreparedData(**{n: artifact(n) for n in names}, data_schema=schema(), salt="digits",
                        rows=Rows(total=1797, train=890, validation=450, test=450, quarantine=7))


def trained(family, quality):
    return TrainedModel(family=family, model=Model(form="torch", artifact=artifact(family, 431_000)),
                        params={"width": 64}, primary="accuracy", trials=8, seed=0, threads=1,
                        answers=artifact(f"{family}-answers"),
                        metrics={"accuracy": estimate(quality, 0.011), "log_loss": estimate(0.05, 0.02, "bootstrap")})


@pytest.fixture(scope="session")
def story():
    counts = np.diag([44, 45, 46, 44, 45, 45, 44, 46, 43, 44])
    counts[8, 1] = counts[9, 3] = 1
    failed = Failed(name="cnn-prune-90", recipe=recipe("cnn-prune-90"), reason="pruning left no channel in layer conv2")
    return Story(
        project="digits", started="2026-03-01T12:00:00Z", finished="2026-03-01T12:01:23Z", seconds=83.0,
        prepared=prepared(), quarantine={"pixel_0_0: values between 0 and 16": 5, "label: not null": 2},
        trained=tuple(trained(f, q) for f, q in FAMILIES),
        champion="cnn", candidates=(*(candidate(*c) for c in zip(CHAINS, SIZES, QUALITY, strict=True)), failed),
        targets=targets(), attributions=(Attribution("prune-75-int8", "prune", 2.6, 1.39, -0.0089),
                                         Attribution("prune-75-int8", "quantize", 2.6, 0.76, -0.0022)),
        pictured="prune-75-int8", confusion=tuple(map(tuple, counts.tolist())), reused=("data", "training: forest"),
        lineage=Lineage(data_digest="d" * 64, code_commit="4b7b948", settings_digest="5" * 64, mlflow_run="a1b2c3d4",
                        mlflow_url="http://127.0.0.1:5000/#/experiments/1/runs/a1b2c3d4", prefect_run="0f0f-1e1e"),
        settings="training:\n  seed: 0\n  families: [cnn, mlp, forest, constant]\n")


@pytest.fixture(scope="session")
def page(story):
    return render(story)
