"""What a run leaves behind, how little the next one repeats, and what each store and UI can show of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter

from tasks.tracking import Tracking, embedded_uri
from tests.flows.conftest import PROJECT, Farrier

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.timeout(900)]

FAMILIES = [family["kind"] for family in PROJECT["training"]["families"]]
RECIPES = [recipe["name"] for recipe in PROJECT["optimization"]["recipes"]]
TARGETS = list(PROJECT["targets"])


@pytest.fixture(scope="module")
def first(farrier: Farrier) -> subprocess.CompletedProcess[str]:
    """The first run of the project in this home."""
    done = farrier("run", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def outcome(first: subprocess.CompletedProcess[str]) -> dict:
    return json.loads(first.stdout)


@pytest.fixture(scope="module")
def tracking(outcome: dict, home: Path) -> Tracking:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARRIER_HOME", str(home))
        return Tracking(embedded_uri())


def runs_of(tracking: Tracking, key: str) -> list:
    experiment = tracking.client.get_experiment_by_name("tiny").experiment_id
    return [run for run in tracking.client.search_runs([experiment], max_results=500)
            if run.data.tags["farrier.key"].startswith(key)]


def pipeline_of(tracking: Tracking, key: str) -> Any:
    return next(run for run in runs_of(tracking, key) if run.data.tags["farrier.kind"] == "pipeline")


def test_a_run_releases_and_writes_its_report(outcome: dict) -> None:
    assert outcome["status"] == "released"
    assert [release["target"] for release in outcome["releases"]] == TARGETS
    assert outcome["reused"] == 0
    assert "<html" in Path(outcome["report"]).read_text(encoding="utf-8")


def test_what_is_printed_as_the_next_command_works(outcome: dict, farrier: Farrier) -> None:
    rows = Path(outcome["report"]).with_name("rows.csv")
    asked = farrier("predict", "tiny", str(rows), "--target", TARGETS[0], "--json")
    assert asked.returncode == 0, asked.stderr
    assert "target" not in rows.read_text().splitlines()[0].split(",")


def test_mlflow_holds_every_stage_model_candidate_measurement_and_release(outcome: dict, tracking: Tracking) -> None:
    runs = runs_of(tracking, outcome["key"])
    kinds = Counter(run.data.tags["farrier.kind"] for run in runs)
    assert kinds == {"pipeline": 1, "stage": 4, "model": len(FAMILIES), "candidate": len(RECIPES),
                     "measurement": len(RECIPES) * len(TARGETS), "release": len(TARGETS)}
    by_key = {run.data.tags["farrier.key"].removeprefix(outcome["key"]): run for run in runs}
    assert {f"/{stage}" for stage in ("data", "training", "optimization", "deployment")} <= set(by_key)
    assert {f"/model/{family}" for family in FAMILIES} <= set(by_key)
    assert {f"/candidate/{recipe}" for recipe in RECIPES} <= set(by_key)
    for key, run in by_key.items():
        assert run.info.status == "FINISHED", key
        if key:
            parent = key.rpartition("/")[0] if key.count("/") == 1 else STAGE_OF[key.split("/")[1]]
            assert run.data.tags["mlflow.parentRunId"] == by_key[parent].info.run_id, key


STAGE_OF = {"model": "/training", "candidate": "/optimization", "target": "/deployment", "release": "/deployment"}


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
HYPER_PARAMETERS = {"constant": set(), "linear": {"strength"}, "forest": {"features", "leaf"}}


class Left(NamedTuple):
    """What one run leaves in MLflow: no more, no less."""

    params: set[str] = set()
    metrics: set[str] = set()
    tags: set[str] = set()
    files: set[str] = set()
    datasets: set[str] = set()
    models: int = 0


LEFT = {
    "": Left({"profile", "targets"}, {"seconds", "released", "refused", "reused"},
             TAGS | FLOW | {"status", "commit", "settings", "run"}, {"settings.yaml", "report.html"}),
    "/data": Left({"source", "split", "salt", "target", "task"},
                  {f"rows_{part}" for part in ("total", "train", "validation", "test", "quarantine")},
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
    **{f"/target/{target}/{recipe}": Left({"candidate", "target", "scenario"}, MEASURED | {"accuracy"},
                                          TAGS | RESULT | OF_CANDIDATE | {"stage", "target", "evidence", "outcome",
                                                                          "machine"}, {"measurement/measurement.json"})
       for target in TARGETS for recipe in RECIPES},
    **{f"/release/{target}": Left({"candidate", "target", "package"},
                                  MEASURED | {"margin", "certified_drop", "certified_drop_bound"},
                                  TAGS | RESULT | OF_CANDIDATE | FLOW | {"target", "data", "commit", "settings",
                                                                         "verdict", "evidence", "version"},
                                  {f"release/{name}" for name in ("card.md", "manifest.json", "verdict.json",
                                                                  "confusion.svg", "confusion.json")}, SETS, models=1)
       for target in TARGETS},
}


def test_each_run_leaves_in_mlflow_what_the_table_says(outcome: dict, tracking: Tracking) -> None:
    assert {run.data.tags["farrier.key"].removeprefix(outcome["key"]): left(tracking, run)
            for run in runs_of(tracking, outcome["key"])} == LEFT


def left(tracking: Tracking, run: Any) -> Left:
    return Left(
        set(run.data.params), set(run.data.metrics),
        {name.removeprefix("farrier.") for name, value in run.data.tags.items() if value and "farrier." in name},
        set(files(tracking, run.info.run_id)), {one.dataset.name for one in run.inputs.dataset_inputs},
        len(run.outputs.model_outputs))


def files(tracking: Tracking, run: str, folder: str | None = None) -> Iterator[str]:
    for file in tracking.client.list_artifacts(run, folder):
        yield from files(tracking, run, file.path) if file.is_dir else [file.path]


def test_datasets_carry_the_whole_digest(outcome: dict, tracking: Tracking) -> None:
    (stage,) = runs_of(tracking, f"{outcome['key']}/data")
    assert all(len(json.loads(one.dataset.source)["sha256"]) == 64 for one in stage.inputs.dataset_inputs)


def test_the_confusion_of_a_release_counts_every_test_row(outcome: dict, tracking: Tracking) -> None:
    (release,) = runs_of(tracking, f"{outcome['key']}/release")
    (stage,) = runs_of(tracking, f"{outcome['key']}/data")
    shown = json.loads(mlflow_text(tracking, release, "release/confusion.json"))
    assert sum(map(sum, shown["confusion"])) == stage.data.metrics["rows_test"]
    assert "<svg" in mlflow_text(tracking, release, "release/confusion.svg")


def mlflow_text(tracking: Tracking, run: Any, name: str) -> str:
    return Path(tracking.client.download_artifacts(run.info.run_id, name)).read_text(encoding="utf-8")


def test_a_release_is_registered_under_its_alias_and_traced_back(outcome: dict, tracking: Tracking) -> None:
    (release,) = outcome["releases"]
    version = tracking.client.get_model_version_by_alias("tiny", f"champion-{release['target']}")
    run = tracking.client.get_run(version.run_id)
    assert run.data.tags["farrier.sha256"] == release["package"]["sha256"]
    parent = tracking.client.get_run(tracking.client.get_run(
        run.data.tags["mlflow.parentRunId"]).data.tags["mlflow.parentRunId"])
    assert parent.data.tags["farrier.run"] == outcome["key"]


def test_mlflow_and_prefect_link_to_each_other(outcome: dict, tracking: Tracking, server: str) -> None:
    pipeline = pipeline_of(tracking, outcome["key"])
    (release,) = runs_of(tracking, f"{outcome['key']}/release")
    with SyncPrefectClient(server) as client:
        flow_run = client.read_flow_run(UUID(pipeline.data.tags["farrier.flow_run"]))
        (link,) = client.read_artifacts(artifact_filter=ArtifactFilter.model_validate(
            {"key": {"any_": ["mlflow"]}, "flow_run_id": {"any_": [flow_run.id]}}))
    assert (flow_run.name, outcome["key"] in flow_run.tags) == ("tiny", True)
    assert release.data.tags["farrier.flow_run"] == str(flow_run.id)
    assert pipeline.info.run_id in link.data


def test_prefect_shows_the_stages_and_an_artifact_for_each(outcome: dict, server: str) -> None:
    with SyncPrefectClient(server) as client:
        stage_of = {run.id: run.name for run in client.read_flow_runs(limit=200)}
        keys = {artifact.key for artifact in client.read_artifacts(limit=200)}
        said = {log.message for log in client.read_logs(limit=200)}
        steps = client.read_task_runs(limit=200)
    assert {"tiny", "data tiny", "training tiny", "optimization tiny", "deployment tiny"} <= set(stage_of.values())
    assert {"data", "training", "optimization", "deployment", "progress", "report", "summary"} <= keys
    assert {f"finished: train {family}" for family in FAMILIES} <= said
    assert not [message for message in said if "record" in message]
    assert steps
    under = {(stage_of[step.flow_run_id], step.name) for step in steps}
    assert {("training tiny", f"train {family}") for family in FAMILIES} <= under
    assert {("optimization tiny", f"optimize {recipe}") for recipe in RECIPES} <= under
    assert {("deployment tiny", f"measure {target}") for target in TARGETS} <= under
    assert not [step.name for step in steps if step.tags]  # for each tag Prefect would ask its server for a slot


def test_a_second_run_reuses_everything_and_releases_nothing_twice(
    outcome: dict, farrier: Farrier, tracking: Tracking
) -> None:
    again = farrier("run", "tiny", "--json")
    assert again.returncode == 0, again.stderr
    second = json.loads(again.stdout)
    assert (second["made"], second["reused"]) == (0, outcome["made"])
    assert second["releases"] == outcome["releases"]
    history = json.loads(farrier("releases", "tiny", "--history", "--json").stdout)
    assert len(history) == len(TARGETS)
    assert len(tracking.client.search_model_versions("name = 'tiny'")) == len(TARGETS)


def test_a_reused_result_links_to_the_run_that_made_it(outcome: dict, farrier: Farrier, tracking: Tracking) -> None:
    second = json.loads(farrier("run", "tiny", "--json").stdout)
    makers = {run.info.run_id for run in runs_of(tracking, outcome["key"])}
    reused = [run for run in runs_of(tracking, second["key"]) if run.data.tags.get("farrier.reused") == "true"]
    assert len(reused) >= len(FAMILIES) + len(RECIPES)
    assert {run.data.tags["farrier.made_by"] for run in reused} <= makers


def test_only_one_stage_is_repeated_where_that_is_asked(outcome: dict, farrier: Farrier) -> None:
    done = farrier("run", "tiny", "--only", "training", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "finished"
    assert (result["made"], result["reused"]) == (len(FAMILIES) + 1, 2)
    assert not result["releases"]


BROKEN = "{kind: cnn, channels: [2, 2, 2, 2], pools: [1, 2, 3, 4], epochs: 1}"  # pools leave nothing of an image


def test_a_family_without_a_model_is_left_out_with_its_reason(farrier: Farrier, tracking: Tracking) -> None:
    few = ("--only", "training", "--json", "-o", "tracking.uri=" + tracking.uri, "-o",
           "optimization.recipes=[{name: keep, chain: [{kind: keep}]}]")
    done = farrier("run", "digits", *few, "-o", f"training.families=[{{kind: constant}}, {{kind: linear}}, {BROKEN}]")
    assert done.returncode == 0, done.stderr
    assert "left out: cnn: none of 1 trials" in done.stderr
    experiment = tracking.client.get_experiment_by_name("digits").experiment_id
    stage = next(run for run in tracking.client.search_runs([experiment])
                 if run.data.tags["farrier.key"] == json.loads(done.stdout)["key"] + "/training")
    assert "too small for 4 pools" in stage.data.tags["farrier.left_out.cnn"]
    assert stage.data.params["families"] == "constant,linear"
    alone = farrier("run", "digits", *few, "-o", f"training.families=[{{kind: constant}}, {BROKEN}]")
    assert alone.returncode == 1
    assert "no family is left" in alone.stderr


def test_no_candidate_within_budget_keeps_the_old_release(outcome: dict, farrier: Farrier) -> None:
    done = farrier("run", "tiny", "-o", f"targets.{TARGETS[0]}.budgets.size_bytes=10", "--json")
    assert done.returncode == 3, done.stderr
    (refusal,) = json.loads(done.stdout)["refusals"]
    assert refusal["nearest"] in RECIPES
    assert any(miss["what"] == "size_bytes" and miss["allowed"] == 10 for miss in refusal["misses"])
    (standing,) = json.loads(farrier("releases", "tiny", "--json").stdout)
    assert standing["version"] == outcome["releases"][0]["version"]


@pytest.mark.parametrize(("option", "words"), [
    ("training.trails=3", "Did you mean trials?"),
    ("optimization.recipes=[{name: x, start: linear, chain: [{kind: prune}]}]", "prune"),
    ("optimization.recipes=[{name: x, start: mlp, chain: [{kind: keep}]}]", "mlp"),
    ("optimization.recipes=[{name: x, start: linear, chain: [{kind: distill, student: cnn}]}]", "input 'rows'"),
])
def test_what_cannot_be_is_refused_before_any_work(farrier: Farrier, option: str, words: str) -> None:
    done = farrier("run", "tiny", "-o", option)
    assert done.returncode == 2
    assert words in done.stderr
    assert "stage" not in done.stderr
    assert "Traceback" not in done.stderr


def test_runs_and_report_tell_of_it(outcome: dict, farrier: Farrier) -> None:
    listed = json.loads(farrier("runs", "tiny", "--json").stdout)
    assert outcome["key"] in {run["key"] for run in listed}
    assert farrier("report", "tiny", "--run", outcome["key"]).stdout.strip() == outcome["report"]
    missing = farrier("report", "nowhere")
    assert (missing.returncode, "has a report" in missing.stderr) == (1, True)


def test_the_alias_stands_for_what_is_served_whatever_runs_and_rollbacks_do(
    outcome: dict, farrier: Farrier, tracking: Tracking, tmp_path: Path
) -> None:
    def champion() -> str:
        return tracking.client.get_model_version_by_alias("tiny", f"champion-{TARGETS[0]}").tags["farrier.version"]

    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    untrusted = f"deployment.trusted_keys=[{stranger}]"
    for words, code, version in (
        (("run", "tiny", "-o", "training.seed=9"), 0, "2"),
        (("releases", "rollback", "tiny", "--yes"), 0, "1"),
        (("run", "tiny", "-o", "training.seed=9"), 3, "1"),  # it was withdrawn
        (("run", "tiny", "-o", "training.seed=10", "-o", untrusted), 1, "1"),  # it could not be proven
    ):
        done = farrier(*words)
        assert (done.returncode, champion()) == (code, version), (words, done.stderr)


@pytest.mark.parametrize("pattern", ["*/*.npy", "*/*.onnx", "*/*.parquet", "packages/*/manifest.json"])
def test_what_is_corrupted_in_the_store_is_named_not_used_and_rebuilt(
    outcome: dict, farrier: Farrier, home: Path, pattern: str
) -> None:
    files = list((home / "store").glob(pattern))
    for file in files:
        sound = file.read_bytes()
        file.write_bytes(bytes([sound[0] ^ 128]) + sound[1:])
    again = farrier("run", "tiny", "--json")
    assert again.returncode == 0, again.stderr
    named = {file.parent if "packages" in pattern else file for file in files}
    assert any(f"{each} does not have its digest any more" in again.stderr for each in named)
    assert "rebuilt" in again.stderr
    assert json.loads(again.stdout)["made"] >= 1
    assert json.loads(farrier("run", "tiny", "--json").stdout)["made"] == 0


def test_an_error_on_one_target_takes_nothing_from_those_before_it(
    outcome: dict, farrier: Farrier, tracking: Tracking, home: Path
) -> None:
    in_the_way = home / "releases" / "tiny" / "cpu-server"
    in_the_way.write_text("where a folder should be")
    done = farrier("run", "tiny", "-o", "targets.cpu-server={budgets: {latency_p99_ms: null}}")
    in_the_way.unlink()
    assert done.returncode == 1
    run = json.loads(farrier("runs", "tiny", "--json").stdout)[0]
    assert (run["status"], [release["target"] for release in run["releases"]]) == ("failed", TARGETS)
    assert "cpu-single-core" in Path(run["report"]).read_text(encoding="utf-8")
    (stage,) = runs_of(tracking, f"{run['key']}/deployment")
    assert (stage.info.status, stage.data.metrics["released"]) == ("FAILED", 1.0)
    assert {run.info.status for run in runs_of(tracking, run["key"])} == {"FAILED", "FINISHED"}


def test_a_summary_that_cannot_be_read_is_named_and_blocks_nothing(outcome: dict, farrier: Farrier, home: Path) -> None:
    odd = home / "state" / "runs" / "tiny" / "20000101-000000-odd"
    odd.mkdir()
    (odd / "summary.json").write_text('{"key": "of another version"}')
    listed = farrier("runs", "tiny", "--json")
    assert str(odd) in listed.stderr
    assert outcome["key"] in {run["key"] for run in json.loads(listed.stdout)}
    done = farrier("run", "tiny", "--only", "data")
    assert done.returncode == 0, done.stderr
    assert str(odd) in done.stderr
    shutil.rmtree(odd)


def test_mlflow_shows_the_profile_that_was_chosen(outcome: dict, farrier: Farrier, tracking: Tracking) -> None:
    done = json.loads(farrier("run", "tiny", "--only", "data", "--profile", "ci", "--json").stdout)
    assert pipeline_of(tracking, outcome["key"]).data.params["profile"] == "local"
    assert pipeline_of(tracking, done["key"]).data.params["profile"] == "ci"
