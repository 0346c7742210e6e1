"""What a run leaves in MLflow, as a table: no more, no less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tasks.tracking import Tracking
from tests.flows.conftest import PROJECT

FAMILIES = [family["kind"] for family in PROJECT["training"]["families"]]
FAILING = "failing"
RECIPES = [recipe["name"] for recipe in PROJECT["optimization"]["recipes"] if recipe["name"] != FAILING]
TARGETS = list(PROJECT["targets"])


class Left(NamedTuple):
    """What one run leaves in MLflow."""

    params: set[str] = set()
    metrics: set[str] = set()
    tags: set[str] = set()
    files: set[str] = set()
    datasets: set[str] = set()
    models: int = 0
    status: str = "FINISHED"


def trio(*names: str) -> set[str]:
    """A metric with its interval."""
    return {f"{name}{end}" for name in names for end in ("", "_low", "_high")}


TAGS = {"key", "kind"}
FLOW = {"flow_run", "flow_run_url"}
RESULT = {"sha256", "reused"}
OF_CANDIDATE = {"candidate", "recipe", "parent", "family"}
SETS = {"snapshot", "train", "validation", "test"}
QUALITIES = trio("accuracy", "balanced_accuracy", "brier", "f1", "log_loss", "roc_auc")
MEASURED = {*trio("quality", "latency_p50_ms", "latency_p99_ms", "throughput_per_s", "cpu_s_per_1000"),
            "memory_bytes", "size_bytes", "graph_bytes"}
FITTED = {"family", "seed", "threads", "trials"}
HYPER_PARAMETERS = {"constant": set(), "linear": {"strength"}, "forest": {"features", "leaf"},
                    "mlp": {"rate", "dropout", "decay", "pieces"}}
RELEASED = Left({"candidate", "target", "package"}, MEASURED | {"margin", "certified_drop", "certified_drop_bound"},
                TAGS | RESULT | OF_CANDIDATE | FLOW | {"target", "data", "commit", "settings", "verdict", "evidence",
                                                       "version"},
                {f"release/{name}" for name in ("card.md", "manifest.json", "verdict.json", "confusion.svg",
                                                "confusion.json")}, SETS, models=1)
# a package that an earlier run made, and that may not be served
REFUSED = RELEASED._replace(tags=(RELEASED.tags - {"version"}) | {"reason", "made_by"}, status="FAILED")
UNMEASURED = Left(tags=TAGS | {"stage", "target", "reason"}, status="FAILED")

LEFT = {
    "": Left({"profile", "targets"}, {"seconds", "released", "refused", "reused"},
             TAGS | FLOW | {"status", "commit", "settings", "run"}, {"settings.yaml", "report.html"}),
    "/data": Left({"source", "split", "salt", "target", "task"},
                  {"leaks", *(f"rows_{part}" for part in ("total", "train", "validation", "test", "quarantine"))},
                  TAGS | FLOW | RESULT | {"stage"},
                  {f"data/{name}" for name in ("expectations.json", "profile.json", "quarantine.parquet", "schema.json",
                                               "summary.md")}, SETS),
    "/training": Left({"families", "primary"}, trio("accuracy"), TAGS | FLOW | {"stage", "champion"},
                      {"training/summary.md"}, SETS),
    "/optimization": Left(set(), {"candidates", "failed"}, TAGS | FLOW | {"stage"}, {"optimization/summary.md"}, SETS),
    "/deployment": Left(set(), {"released", "refused"}, TAGS | FLOW | {"stage"}, {"deployment/summary.md"}),
    **{f"/model/{family}": Left(FITTED | HYPER_PARAMETERS[family], QUALITIES | {"size_bytes"},
                                TAGS | RESULT | {"stage", "family", "champion"}, {"model/answers.npy"}, models=1)
       for family in FAMILIES},
    **{f"/candidate/{recipe}": Left({"recipe", "start"}, trio("quality") | {"parity", "size_bytes"},
                                    TAGS | RESULT | OF_CANDIDATE | {"stage"},
                                    {"candidate/recipe.json", "candidate/answers.npy"}, models=1)
       for recipe in RECIPES},
    f"/candidate/{FAILING}": Left({"recipe"}, tags=TAGS | RESULT | {"stage", "reason"}, status="FAILED"),
    **{f"/target/{target}/{recipe}": Left({"candidate", "target", "scenario"}, MEASURED | {"accuracy"},
                                          TAGS | RESULT | OF_CANDIDATE | {"stage", "target", "evidence", "outcome",
                                                                          "machine"}, {"measurement/measurement.json"})
       for target in TARGETS for recipe in RECIPES},
    **{f"/release/{target}": RELEASED for target in TARGETS},
}
MONITORED = Left({"target", "version", "package", "false_alarm_rate"}, {"rows", "drifted", "alarms"},
                 TAGS | FLOW | {"stage", "target", "package", "drifted"},
                 {"monitoring/drift.md", "monitoring/drift.svg"})


def left(tracking: Tracking, run: Any) -> Left:
    return Left(
        set(run.data.params), set(run.data.metrics),
        {name.removeprefix("farrier.") for name, value in run.data.tags.items() if value and "farrier." in name},
        set(files(tracking, run.info.run_id)), {one.dataset.name for one in run.inputs.dataset_inputs},
        len(run.outputs.model_outputs), run.info.status)


def files(tracking: Tracking, run: str, folder: str | None = None) -> Iterator[str]:
    for file in tracking.client.list_artifacts(run, folder):
        yield from files(tracking, run, file.path) if file.is_dir else [file.path]


def runs_of(tracking: Tracking, key: str, experiment: str = "tiny") -> list:
    """The MLflow runs of an experiment whose keys begin so."""
    number = tracking.client.get_experiment_by_name(experiment).experiment_id
    return [run for run in tracking.client.search_runs([number], max_results=500)
            if run.data.tags["farrier.key"].startswith(key)]
