"""What a run leaves behind, how little the next one repeats, and what each store and UI can show of it."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pandas as pd
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter

from farrier.app import _explained
from farrier.run import run as run_command
from tasks.errors import FarrierError
from tasks.store import sha256_of
from tasks.tracking import Tracking, embedded_uri
from tests.conftest import customers
from tests.flows.conftest import Farrier, releases, runs, steps
from tests.flows.leaving import FAILING, FAMILIES, LEFT, RECIPES, REFUSED, TARGETS, UNMEASURED, left, runs_of

pytestmark = pytest.mark.timeout(900)
MADE = {"collect", "prepare", *(f"train {family}" for family in FAMILIES), "champion",
        *(f"optimize {recipe}" for recipe in (*RECIPES, FAILING)),
        *(f"{step} {target}" for step in ("measure", "select") for target in TARGETS)}


@pytest.fixture(scope="module")
def first(farrier: Farrier) -> subprocess.CompletedProcess[str]:
    """The first run of the project in this home."""
    done = farrier("run", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def outcome(first: subprocess.CompletedProcess[str]) -> dict:
    return json.loads(first.stdout)


class Printed(NamedTuple):
    """What a run said to a person, and how it is listed."""

    text: str
    summary: dict

    def next(self) -> dict[str, list[str]]:
        """The commands under `Next:`, by what each is for."""
        lines = self.text.partition("\nNext:\n")[2].splitlines()
        return {purpose: shlex.split(words) for purpose, words in (re.split(r" {2,}", line.strip()) for line in lines)}


AsPrinted = Any


@pytest.fixture(scope="module")
def as_printed(environment: dict[str, str], home: Path) -> AsPrinted:
    """Executes words as they stand, where the command that printed them was executed."""
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, env=environment, cwd=home, check=False, capture_output=True, text=True,
                              timeout=400)
    return call


@pytest.fixture(scope="module")
def second(outcome: dict, as_printed: AsPrinted, farrier: Farrier) -> Printed:
    """The same run again, by the installed command, from another folder, for a person."""
    done = as_printed(str(Path(sys.executable).with_name("farrier")), "run", "tiny")
    assert done.returncode == 0, done.stderr
    return Printed(done.stdout, runs(farrier)[0])


@pytest.fixture(scope="module")
def tracking(outcome: dict, home: Path) -> Tracking:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARRIER_HOME", str(home))
        return Tracking(embedded_uri())


def pipeline_of(tracking: Tracking, key: str) -> Any:
    return next(run for run in runs_of(tracking, key) if run.data.tags["farrier.kind"] == "pipeline")


def test_a_run_releases_and_writes_its_report(outcome: dict) -> None:
    assert outcome["status"] == "released"
    assert [release["target"] for release in outcome["releases"]] == TARGETS
    assert outcome["reused"] == 0
    assert "<html" in Path(outcome["report"]).read_text(encoding="utf-8")


def test_mlflow_holds_every_stage_model_candidate_measurement_and_release(outcome: dict, tracking: Tracking) -> None:
    runs = runs_of(tracking, outcome["key"])
    kinds = Counter(run.data.tags["farrier.kind"] for run in runs)
    assert kinds == {"pipeline": 1, "stage": 4, "model": len(FAMILIES), "candidate": len(RECIPES) + 1,
                     "measurement": len(RECIPES) * len(TARGETS), "release": len(TARGETS)}
    by_key = {run.data.tags["farrier.key"].removeprefix(outcome["key"]): run for run in runs}
    assert {f"/{stage}" for stage in ("data", "training", "optimization", "deployment")} <= set(by_key)
    assert {f"/model/{family}" for family in FAMILIES} <= set(by_key)
    assert {f"/candidate/{recipe}" for recipe in RECIPES} <= set(by_key)
    for key, run in by_key.items():
        if key:
            parent = key.rpartition("/")[0] if key.count("/") == 1 else STAGE_OF[key.split("/")[1]]
            assert run.data.tags["mlflow.parentRunId"] == by_key[parent].info.run_id, key


STAGE_OF = {"model": "/training", "candidate": "/optimization", "target": "/deployment", "release": "/deployment"}


def test_each_run_leaves_in_mlflow_what_the_table_says(outcome: dict, tracking: Tracking) -> None:
    assert {run.data.tags["farrier.key"].removeprefix(outcome["key"]): left(tracking, run)
            for run in runs_of(tracking, outcome["key"])} == LEFT


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
    outcome: dict, second: Printed, farrier: Farrier, tracking: Tracking
) -> None:
    assert (second.summary["made"], second.summary["reused"]) == (0, outcome["made"])
    assert second.summary["status"] == "unchanged"
    assert second.summary["releases"] == outcome["releases"]
    assert len(releases(farrier)) == len(TARGETS)
    assert len(tracking.client.search_model_versions("name = 'tiny'")) == len(TARGETS)


def test_a_reused_result_links_to_the_run_that_made_it(outcome: dict, second: Printed, tracking: Tracking) -> None:
    makers = {run.info.run_id for run in runs_of(tracking, outcome["key"])}
    reused = [run for run in runs_of(tracking, second.summary["key"]) if run.data.tags.get("farrier.reused") == "true"]
    assert len(reused) >= len(FAMILIES) + len(RECIPES)
    assert {run.data.tags["farrier.made_by"] for run in reused} <= makers


def test_a_run_ends_with_the_candidates_the_decision_and_where_the_report_is(
    outcome: dict, second: Printed, home: Path
) -> None:
    (release,), lines = outcome["releases"], second.text.splitlines()
    assert lines[0].startswith(f"{TARGETS[0]}: ")
    assert lines[2].split() == ["accuracy,", "rows/s,"]
    assert re.split(r"  +", lines[3].strip()) == [
        "candidate", "validation", "p50", "p99", "batched", "size", "cpu s/1,000", "verdict"]
    verdicts = {line.split()[0]: line for line in lines[5:5 + len(RECIPES)]}
    assert set(verdicts) == set(RECIPES)
    assert [name for name, line in verdicts.items() if line.rstrip().endswith("serves as v1")] == [release["candidate"]]
    assert re.search(rf"^unchanged: v1 serves since .* UTC, {release['candidate']}\. Passed: on \d+ test rows ",
                     second.text, re.MULTILINE)
    assert re.search(rf"^tiny: nothing changed in .* s.*; 0 results made, {outcome['made']} reused$", second.text,
                     re.MULTILINE)
    (report,) = re.findall(r"^report  (.+)$", second.text, re.MULTILINE)
    assert str(home / report) == second.summary["report"]
    assert "<html" in (home / report).read_text(encoding="utf-8")


def test_what_is_printed_as_the_next_commands_works(second: Printed, as_printed: AsPrinted, home: Path) -> None:
    following = second.next()
    assert list(following) == ["browse the experiments", "predict", "use your own data"]
    browse, predict = following["browse the experiments"], following["predict"]
    assert browse[1:] == ["ui"]
    assert "Ctrl-C" in as_printed(*browse, "--help").stdout
    asked = as_printed(*predict)
    assert asked.returncode == 0, asked.stderr
    rows = pd.read_csv(home / predict[3])
    assert "target" not in rows
    assert len(pd.read_csv(io.StringIO(asked.stdout))) == len(rows) > 0


@pytest.fixture(scope="module")
def own(second: Printed, as_printed: AsPrinted, home: Path, farrier: Farrier) -> Printed:
    """Rows of one's own, from a file to a release, by the commands that each step prints for the next.

    The file holds words, missing values and a time; what is to be predicted is a number. A slice must hold.
    """
    rows = customers(2000, seed=7).drop(columns="churned")
    leaning = 2 * rows["age"].fillna(50) + 40 * (rows["plan"] == "basic")
    rows.assign(cost=(leaning + rows["spent"].rank() % 7).round(2)).to_csv(home / "rows.csv", index=False)
    place = {"NAME": "own", "FILE": "rows.csv", "COLUMN": "cost"}
    written = as_printed(*(place.get(word, word) for word in second.next()["use your own data"]), "--time", "joined")
    assert written.returncode == 0, written.stderr
    file = home / "projects" / "own.yaml"
    project = yaml.safe_load(file.read_text())
    assert (project["data"]["task"], project["data"]["split"]["kind"]) == ("regression", "time")
    project["training"] |= {"families": [{"kind": "linear"}, {"kind": "constant"}], "trials": 1}
    project["optimization"] = {"recipes": [{"name": "keep", "chain": [{"kind": "keep"}]}]}
    project["deployment"] |= {"slices": [{"column": "plan", "margin": {"relative": 0.2}}],
                              "measurement": {"rounds": 2, "seconds": 0.01, "warm_up": 2}}
    file.write_text(yaml.safe_dump(project | {"targets": {"cpu-single-core": {"budgets": {"latency_p99_ms": None}}}}))
    (run,) = re.findall(r"^Next: (.+)$", written.stdout, re.MULTILINE)
    done = as_printed(*shlex.split(run))
    assert done.returncode == 0, done.stdout + done.stderr
    return Printed(done.stdout, runs(farrier, "own")[0])


def test_rows_of_ones_own_are_certified_slice_by_slice(own: Printed, farrier: Farrier) -> None:
    (release,) = own.summary["releases"]
    slices = {part["name"]: part["outcome"] for part in release["verdict"]["slices"] if not part["advisory"]}
    assert slices == dict.fromkeys(("plan=basic", "plan=family", "plan=premium"), "pass")
    asked = farrier("report", "own")
    report = Path(asked.stdout.strip()).read_text(encoding="utf-8")
    assert asked.stdout.strip() == own.summary["report"]
    assert all(name in report for name in slices)


def test_the_residuals_of_a_number_are_in_mlflow_and_in_the_report(own: Printed, tracking: Tracking) -> None:
    (release,) = runs_of(tracking, f"{own.summary['key']}/release", "own")
    (stage,) = runs_of(tracking, f"{own.summary['key']}/data", "own")
    certificate = json.loads(mlflow_text(tracking, release, "release/verdict.json"))
    assert {part["name"] for part in certificate["slices"]} == {"plan=basic", "plan=family", "plan=premium"}
    shown = json.loads(mlflow_text(tracking, release, "release/residuals.json"))
    assert len(shown["residuals"]) == stage.data.metrics["rows_test"] > 0
    assert "<svg" in mlflow_text(tracking, release, "release/residuals.svg")
    assert "esidual" in Path(own.summary["report"]).read_text(encoding="utf-8")


def test_rows_of_ones_own_are_answered_as_printed(own: Printed, as_printed: AsPrinted, home: Path) -> None:
    predict = own.next()["predict"]
    rows = pd.read_csv(home / predict[3])
    assert "cost" not in rows
    assert rows.isna().to_numpy().any(), "some values are missing"
    asked = as_printed(*predict)
    assert asked.returncode == 0, asked.stderr
    answered = pd.read_csv(io.StringIO(asked.stdout))["prediction"]
    assert len(answered) == len(rows)
    assert answered.between(30, 300).all()


ODD = "20000101-000000-odd"


@pytest.fixture(scope="module")
def alone(outcome: dict, farrier: Farrier, home: Path) -> Printed:
    """A run of one stage, under another profile, in a home with a run's summary that cannot be read."""
    odd = home / "state" / "runs" / "tiny" / ODD
    odd.mkdir()
    (odd / "summary.json").write_text('{"key": "of another version"}')
    listed = farrier("runs", "tiny", "--json")
    assert str(odd) in listed.stderr
    assert outcome["key"] in {run["key"] for run in json.loads(listed.stdout)}
    done = farrier("run", "tiny", "--only", "training", "--profile", "ci", "--json")
    shutil.rmtree(odd)
    assert done.returncode == 0, done.stderr
    return Printed(done.stderr, json.loads(done.stdout))


def test_only_one_stage_is_repeated_where_that_is_asked(alone: Printed) -> None:
    assert alone.summary["status"] == "finished"
    assert (alone.summary["made"], alone.summary["reused"]) == (len(FAMILIES) + 1, 2)
    assert steps(alone.text)["reused"] == {"collect", "prepare"}
    assert not alone.summary["releases"]


def test_a_summary_that_cannot_be_read_is_named_and_blocks_nothing(alone: Printed) -> None:
    assert ODD in alone.text


def test_mlflow_shows_the_profile_that_was_chosen(outcome: dict, alone: Printed, tracking: Tracking) -> None:
    assert pipeline_of(tracking, outcome["key"]).data.params["profile"] == "local"
    assert pipeline_of(tracking, alone.summary["key"]).data.params["profile"] == "ci"


BROKEN = "{kind: cnn, channels: [2, 2, 2, 2], pools: [1, 2, 3, 4], epochs: 1}"  # pools leave nothing of an image


def test_a_family_without_a_model_is_left_out_with_its_reason(farrier: Farrier, tracking: Tracking) -> None:
    done = farrier("run", "digits", "--only", "training", "--json", "-o", "tracking.uri=" + tracking.uri,
                   "-o", "optimization.recipes=[{name: keep, chain: [{kind: keep}]}]",
                   "-o", f"training.families=[{{kind: constant}}, {{kind: linear}}, {BROKEN}]")
    assert done.returncode == 0, done.stderr
    assert "left out: cnn: none of 1 trials" in done.stderr
    experiment = tracking.client.get_experiment_by_name("digits").experiment_id
    stage = next(run for run in tracking.client.search_runs([experiment])
                 if run.data.tags["farrier.key"] == json.loads(done.stdout)["key"] + "/training")
    assert "too small for 4 pools" in stage.data.tags["farrier.left_out.cnn"]
    assert stage.data.params["families"] == "constant,linear"


@pytest.fixture(scope="module")
def refused(outcome: dict, farrier: Farrier) -> Printed:
    """A run on a target that affords no candidate, and on one whose runtime can open none."""
    done = farrier("run", "tiny", "-o", f"targets.{TARGETS[0]}.budgets.size_bytes=10",
                   "-o", "targets.cpu-tiny={runtime: {kind: torch}}")
    assert done.returncode == 3, done.stderr
    return Printed(done.stdout, runs(farrier)[0])


def test_no_candidate_within_budget_keeps_the_old_release(outcome: dict, refused: Printed, farrier: Farrier) -> None:
    refusal = refused.summary["refusals"][0]
    assert refusal["nearest"] in RECIPES
    assert any(miss["what"] == "size_bytes" and miss["allowed"] == 10 for miss in refusal["misses"])
    (standing,) = json.loads(farrier("releases", "tiny", "--json").stdout)
    assert standing["version"] == outcome["releases"][0]["version"]


def test_a_refusal_is_printed_with_its_reason_and_no_release_to_predict_with(refused: Printed) -> None:
    assert refused.text.count("\nnothing released: ") == 2
    small, apart = refused.summary["refusals"]
    assert f"The nearest, {small['nearest']}, missed: size" in refused.text
    assert "Raise the budget or the margin, or add a recipe." in refused.text
    assert f"The nearest, {apart['nearest']}, missed: measurement none, allowed one on cpu-tiny." in refused.text
    assert refused.text.count("on cpu-tiny: ") == len(RECIPES), "each row says why it was not measured"
    assert list(refused.next()) == ["browse the experiments", "use your own data"]


def test_mlflow_keeps_why_a_candidate_was_not_measured(refused: Printed, tracking: Tracking) -> None:
    failed = runs_of(tracking, f"{refused.summary['key']}/target/cpu-tiny/")
    assert [left(tracking, run) for run in failed] == [UNMEASURED] * len(RECIPES)
    assert all(run.data.tags["farrier.reason"].startswith("on cpu-tiny: ") for run in failed)


@pytest.mark.parametrize(("option", "words"), [
    ("training.trails=3", "Did you mean trials?"),
    ("optimization.recipes=[{name: x, start: linear, chain: [{kind: prune}]}]", "prune"),
    ("optimization.recipes=[{name: x, start: boosting, chain: [{kind: keep}]}]", "boosting"),
    ("optimization.recipes=[{name: x, start: linear, chain: [{kind: distill, student: cnn}]}]", "input 'rows'"),
])
def test_what_cannot_be_is_refused_before_any_work(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    option: str, words: str,
) -> None:
    monkeypatch.setenv("FARRIER_PROJECTS", environment["FARRIER_PROJECTS"])
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    with pytest.raises(FarrierError) as mistake:
        run_command("tiny", option=(option,))
    assert _explained(mistake.value) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_runs_and_report_tell_of_it(outcome: dict, farrier: Farrier) -> None:
    listed = json.loads(farrier("runs", "tiny", "--json").stdout)
    assert outcome["key"] in {run["key"] for run in listed}
    assert farrier("report", "tiny", "--run", outcome["key"]).stdout.strip() == outcome["report"]
    missing = farrier("report", "nowhere")
    assert (missing.returncode, "there is no project 'nowhere'" in missing.stderr) == (2, True)


PATTERNS = ("*/*.npy", "*/*.onnx", "*/*.parquet", "*/*.skops", "*/*.safetensors")


def test_what_is_corrupted_in_the_store_is_named_not_used_and_rebuilt(
    outcome: dict, farrier: Farrier, home: Path
) -> None:
    damaged = [file for pattern in PATTERNS for file in (home / "store").glob(pattern)]
    for file in damaged:
        damage(file)
    again = farrier("run", "tiny", "--json")
    assert again.returncode == 0, again.stderr
    named = [file for file in damaged if f"{file} does not have its digest any more" in again.stderr]
    assert {file.suffix for file in named} == {Path(pattern).suffix for pattern in PATTERNS}
    assert [file for file in named if sha256_of(file) != file.stem] == [], "rebuilt"
    assert steps(again.stderr)["made"] >= {"collect", "prepare", *(f"train {family}" for family in FAMILIES),
                                           *(f"optimize {recipe}" for recipe in RECIPES)}


def test_a_corrupted_package_is_named_not_used_and_rebuilt(outcome: dict, farrier: Farrier, home: Path) -> None:
    files = list((home / "store").glob("packages/*/manifest.json"))
    for file in files:
        damage(file)
    again = farrier("run", "tiny", "--json")
    assert again.returncode == 0, again.stderr
    assert any(f"{file.parent} does not have its digest any more" in again.stderr for file in files)
    (name,) = steps(again.stderr)["made"] - {f"release {TARGETS[0]}"}
    assert name.startswith("pack "), "what was rebuilt before is whole"


def damage(file: Path) -> None:
    """Flip one bit."""
    sound = file.read_bytes()
    file.write_bytes(bytes([sound[0] ^ 128]) + sound[1:])


def test_an_error_on_one_target_takes_nothing_from_those_before_it(
    outcome: dict, farrier: Farrier, tracking: Tracking, home: Path
) -> None:
    in_the_way = home / "releases" / "tiny" / "cpu-server"
    in_the_way.write_text("where a folder should be")
    done = farrier("run", "tiny", "-o", "targets.cpu-server={budgets: {latency_p99_ms: null}}")
    in_the_way.unlink()
    assert done.returncode == 1
    run = runs(farrier)[0]
    assert (run["status"], [release["target"] for release in run["releases"]]) == ("failed", TARGETS)
    assert "cpu-single-core" in Path(run["report"]).read_text(encoding="utf-8")
    (stage,) = runs_of(tracking, f"{run['key']}/deployment")
    assert (stage.info.status, stage.data.metrics["released"]) == ("FAILED", 1.0)
    assert {run.info.status for run in runs_of(tracking, run["key"])} == {"FAILED", "FINISHED"}


@pytest.fixture(scope="module")
def later(outcome: dict, farrier: Farrier) -> Printed:
    """A run from a stage in the middle on: the measurements are other ones, so it releases."""
    done = farrier("run", "tiny", "--from", "optimization", "--json")
    assert done.returncode == 0, done.stderr
    return Printed(done.stderr, json.loads(done.stdout))


def test_a_run_from_a_stage_on_repeats_it_and_what_follows(outcome: dict, later: Printed) -> None:
    (release,) = later.summary["releases"]
    deployed = {f"{step} {release['candidate']} for {TARGETS[0]}" for step in ("certify", "pack")}
    earlier = {"collect", "prepare", "champion", *(f"train {family}" for family in FAMILIES)}
    told = steps(later.text)
    assert (told["reused"], told["made"] - deployed - {f"release {TARGETS[0]}"}) == (earlier, MADE - earlier)
    assert deployed <= told["made"]
    assert (later.summary["reused"], later.summary["made"]) == (len(earlier), len(MADE - earlier) + len(deployed))
    assert release["version"] > outcome["releases"][0]["version"]


def test_the_alias_stands_for_what_is_served_whatever_runs_and_rollbacks_do(
    later: Printed, farrier: Farrier, tracking: Tracking, tmp_path: Path
) -> None:
    def champion() -> int:
        named = tracking.client.get_model_version_by_alias("tiny", f"champion-{TARGETS[0]}")
        return int(named.tags["farrier.version"])

    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    newest = later.summary["releases"][0]["version"]
    assert champion() == newest
    for words, code in (
        (("releases", "rollback", "tiny", "--yes"), 0),
        (("run", "tiny"), 3),  # it was withdrawn
        (("run", "tiny", "-o", f"deployment.trusted_keys=[{stranger}]"), 1),  # it could not be proven
    ):
        done = farrier(*words)
        assert (done.returncode, champion()) == (code, newest - 1), (words, done.stderr)


def test_mlflow_keeps_why_a_release_was_refused(later: Printed, farrier: Farrier, tracking: Tracking) -> None:
    withdrawn = runs(farrier)[0]
    (run,) = runs_of(tracking, f"{withdrawn['key']}/release")
    assert withdrawn["status"] == "refused"
    assert left(tracking, run) == REFUSED
    assert "which was rolled back" in run.data.tags["farrier.reason"]
