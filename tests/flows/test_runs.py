"""What a run leaves behind, how little the next one repeats, and what each store and UI can show of it."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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


def test_a_run_releases_and_writes_its_report(outcome: dict) -> None:
    assert outcome["status"] == "released"
    assert [release["target"] for release in outcome["releases"]] == TARGETS
    assert outcome["reused"] == 0
    assert "<html" in Path(outcome["report"]).read_text(encoding="utf-8")


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


@pytest.mark.parametrize(("kind", "metrics", "tags", "artifacts"), [
    ("pipeline", {"seconds", "released", "refused", "reused"},
     {"farrier.commit", "farrier.settings", "farrier.flow_run"}, {"settings.yaml", "report.html"}),
    ("model", {"accuracy", "accuracy_low", "accuracy_high", "size_bytes"},
     {"farrier.family", "farrier.sha256", "farrier.stage"}, {"model"}),
    ("candidate", {"quality", "quality_low", "quality_high", "size_bytes", "parity"},
     {"farrier.recipe", "farrier.parent", "farrier.sha256"}, {"candidate"}),
    ("measurement", {"accuracy", "latency_p50_ms", "latency_p50_ms_low", "latency_p99_ms_high", "throughput_per_s",
                     "cpu_s_per_1000", "memory_bytes", "size_bytes"},
     {"farrier.target", "farrier.evidence", "farrier.machine", "farrier.recipe"}, {"measurement"}),
    ("release", {"certified_drop", "certified_drop_bound", "margin", "latency_p50_ms"},
     {"farrier.target", "farrier.verdict", "farrier.data", "farrier.commit", "farrier.flow_run"}, {"release"}),
])
def test_each_kind_of_mlflow_run_carries_what_people_look_for(
    outcome: dict, tracking: Tracking, kind: str, metrics: set[str], tags: set[str], artifacts: set[str]
) -> None:
    for run in runs_of(tracking, outcome["key"]):
        if run.data.tags["farrier.kind"] == kind:
            assert metrics <= set(run.data.metrics)
            assert tags <= {name for name, value in run.data.tags.items() if value}
            assert artifacts <= {file.path for file in tracking.client.list_artifacts(run.info.run_id)}


def test_the_data_stage_leaves_its_validation_and_its_datasets(outcome: dict, tracking: Tracking) -> None:
    (stage,) = [r for r in runs_of(tracking, outcome["key"]) if r.data.tags.get("farrier.key", "").endswith("/data")]
    files = {file.path for file in tracking.client.list_artifacts(stage.info.run_id, "data")}
    assert {"data/expectations.json", "data/profile.json", "data/quarantine.parquet", "data/schema.json"} <= files
    assert {d.dataset.name for d in stage.inputs.dataset_inputs} == {"snapshot", "train", "validation", "test"}
    assert all(len(json.loads(d.dataset.source)["sha256"]) == 64 for d in stage.inputs.dataset_inputs)


def test_a_release_is_registered_under_its_alias_and_traced_back(outcome: dict, tracking: Tracking) -> None:
    (release,) = outcome["releases"]
    version = tracking.client.get_model_version_by_alias("tiny", f"champion-{release['target']}")
    run = tracking.client.get_run(version.run_id)
    assert run.data.tags["farrier.sha256"] == release["package"]["sha256"]
    assert run.data.tags["farrier.flow_run"] == json.loads(json.dumps(run.data.tags))["farrier.flow_run"] != ""
    parent = tracking.client.get_run(tracking.client.get_run(
        run.data.tags["mlflow.parentRunId"]).data.tags["mlflow.parentRunId"])
    assert parent.data.tags["farrier.run"] == outcome["key"]


def test_prefect_shows_the_stages_and_an_artifact_for_each(outcome: dict, server: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", server)
        from prefect.client.orchestration import SyncPrefectClient

        with SyncPrefectClient(f"{server}") as client:
            names = {run.name for run in client.read_flow_runs(limit=200)}
            keys = {artifact.key for artifact in client.read_artifacts(limit=200)}
            said = {log.message for log in client.read_logs(limit=200)}
    assert {"tiny", "data tiny", "training tiny", "optimization tiny", "deployment tiny"} <= names
    assert {"data", "training", "optimization", "deployment", "progress", "report"} <= keys
    assert {f"finished: train {family}" for family in FAMILIES} <= said
    assert not [message for message in said if "record" in message]


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
        (("run", "tiny", "-o", "training.seed=10", "-o", untrusted), 3, "1"),  # it cannot be proven
    ):
        done = farrier(*words)
        assert (done.returncode, champion()) == (code, version), (words, done.stderr)


@pytest.mark.parametrize("pattern", ["*/*.npy", "*/*.onnx", "*/*.parquet", "packages/*/manifest.json"])
def test_what_is_corrupted_in_the_store_is_named_not_used_and_rebuilt(
    outcome: dict, farrier: Farrier, home: Path, pattern: str
) -> None:
    for file in (home / "store").glob(pattern):
        sound = file.read_bytes()
        file.write_bytes(bytes([sound[0] ^ 128]) + sound[1:])
    again = farrier("run", "tiny", "--json")
    assert again.returncode == 0, again.stderr
    assert "rebuilt" in again.stderr
    assert json.loads(again.stdout)["made"] >= 1
    assert json.loads(farrier("run", "tiny", "--json").stdout)["made"] == 0
