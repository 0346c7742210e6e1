"""The command line as a stranger meets it: help, exit codes, and errors in one line with the way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from farrier.app import VERBS, main
from farrier.run import run
from tasks import calling
from tasks.deployment.runtimes import OnnxRuntime
from tasks.errors import MissingExtra
from tasks.store import CHECKOUT


def farrier(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FARRIER", "PREFECT", "MLFLOW"))}
    return subprocess.run([sys.executable, "-m", "farrier", *words], cwd=CHECKOUT, capture_output=True, text=True,
                          check=False, timeout=120, env={**kept, "FARRIER_HOME": str(home), "COLUMNS": "160"})


def test_help_names_every_verb(tmp_path: Path) -> None:
    done = farrier("--help", home=tmp_path)
    assert done.returncode == 0
    for verb in VERBS:
        assert f" {verb} " in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples_and_speaks_json(verb: str, tmp_path: Path) -> None:
    done = farrier(verb, "--help", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"farrier {verb}" in done.stdout.partition("Examples")[2]
    assert "--json" in done.stdout


def test_a_verb_below_a_verb_shows_examples_of_its_own(tmp_path: Path) -> None:
    done = farrier("releases", "rollback", "--help", home=tmp_path)
    assert "farrier releases rollback digits" in done.stdout.partition("Examples")[2]
    assert "--history" not in done.stdout


def test_a_home_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    done = farrier("worker", "--once", home=tmp_path / "home")
    assert (done.returncode, "export FARRIER_HOME=" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("words", "code", "said"), [
    (("nonsense",), 2, "nonsense"),
    (("run",), 2, "PROJECT"),
    (("run", "nowhere"), 2, "there is no project 'nowhere'"),
    (("run", "digits", "--only", "dreaming"), 2, "dreaming"),
    (("run", "digits", "-o", "training.trails=3"), 2, "Did you mean trials?"),
    (("run", "breast-cancer", "-o", "training.families=[{kind: linear}, {kind: cnn}]",
      "-o", "optimization.recipes=[{name: x, start: cnn, chain: [{kind: keep}]}]"), 2, "recipe 'x' starts from 'cnn'"),
    (("run", "breast-cancer", "-o", "optimization.recipes=[{name: x, chain: [{kind: distill, student: cnn}]}]"), 2,
     "does not suit rows"),
    (("run", "digits", "-o", "optimization.recipes=[{name: a/b, chain: [{kind: keep}]}]"), 2, "'a/b'"),
    (("run", "digits", "--profile", "nowhere"), 2, "there is no profile"),
    (("schedule", "digits", "--every", "soon"), 2, "30m, 6h or 1d"),
    (("schedule", "digits", "--cron", "nonsense"), 2, "five fields"),
    (("schedule", "--pause"), 2, "say which project"),
    (("schedule", "--every", "6h"), 2, "say which project"),
    (("run", "digits", "--only", "data", "--from", "training"), 2, "--only or --from"),
    (("report", "digits"), 1, "has a report"),
    (("report", "nowhere"), 2, "there is no project 'nowhere'"),
    (("report", "digits", "--run", "2020"), 2, "there is no run '2020'"),
    (("runs", "nowhere"), 2, "there is no project 'nowhere'"),
    (("runs", "--limit", "0"), 2, "--limit"),
    (("retrain", "nowhere"), 2, "there is no project 'nowhere'"),
    (("monitor", "nowhere"), 2, "there is no project 'nowhere'"),
    (("monitor", "digits", "--target", "gpu"), 2, "there is no target 'gpu'"),
    (("monitor", "digits"), 1, "nothing is released of digits"),
    (("schedule", "nowhere"), 2, "there is no project 'nowhere'"),
    (("ui", "--port", "99999"), 2, "--port"),
])
def test_a_mistake_is_said_with_its_exit_code_and_no_traceback(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    done = farrier(*words, home=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("words", "verb"), [
    (("nonsense",), ""), (("run",), " run"), (("predict", "digits"), " predict"), (("runs", "--limit", "x"), " runs"),
    (("releases", "rollback"), " releases rollback"), (("releases", "--bad"), " releases"),
])
def test_a_mistake_in_the_words_leads_to_the_help_of_their_verb(
    words: tuple[str, ...], verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(list(words))
    assert capsys.readouterr().err.splitlines()[-1].strip() == f"See: .venv/bin/farrier{verb} --help"


def test_every_verb_is_known_where_commands_are_printed() -> None:
    assert tuple(VERBS) == calling.VERBS


@pytest.mark.parametrize("words", [("runs", "--json"), ("runs",), ("--help",)])
def test_a_reader_that_had_enough_is_no_fault(words: tuple[str, ...], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "farrier", *words], cwd=CHECKOUT, stdout=writing, text=True,
                          stderr=subprocess.PIPE, env={**os.environ, "FARRIER_HOME": str(tmp_path)}, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("verb", "said"), [
    ("run", "farrier: stopped. What is finished is kept, and the next run goes on from there."),
    ("retrain", "farrier: stopped waiting. The run that was asked for stays asked for."),
    ("runs", "farrier: stopped."),
])
def test_what_was_stopped_says_so_and_what_is_left(verb: str, said: str, tmp_path: Path) -> None:
    script = (f"import farrier.{verb}\ndef {verb}(project: str, /) -> int:\n    raise KeyboardInterrupt\n"
              f"farrier.{verb}.{verb} = {verb}\nfrom farrier.app import main\nmain(['{verb}', 'digits'])")
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, said)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_target_whose_extra_is_not_installed_is_refused_with_the_command(
    dry_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    monkeypatch.setattr(OnnxRuntime, "package", "a_package_that_nobody_has")
    monkeypatch.setattr(OnnxRuntime, "extra", "exotic")
    said = r"'cpu-server' needs a_package_that_nobody_has, .* Run: .venv/bin/pip install -e '.\[exotic\]'"
    with pytest.raises(MissingExtra, match=said):
        run("digits", dry_run=dry_run)
    assert not list(tmp_path.rglob("*")), "nothing was begun"


@pytest.mark.parametrize(("words", "following"), [
    (("run", "nowhere"), "new nowhere --data"),
    (("report", "digits"), "runs digits"),
    (("predict", "digits", "rows.csv"), "run digits"),
    (("schedule",), "schedule digits --every"),
])
def test_a_next_command_works_as_printed(words: tuple[str, ...], following: str, tmp_path: Path) -> None:
    done = farrier(*words, home=tmp_path)
    assert f".venv/bin/farrier {following}" in done.stdout + done.stderr


def test_a_dry_run_says_what_would_be_run_and_runs_nothing(tmp_path: Path) -> None:
    done = farrier("run", "digits", "--dry-run", home=tmp_path)
    assert done.returncode == 0
    assert "cpu-tiny" in done.stdout
    assert "Nothing was run" in done.stdout
    assert not (tmp_path / "state" / "prefect").exists()


def test_targets_tell_what_this_machine_can_do(tmp_path: Path) -> None:
    told = json.loads(farrier("targets", "--json", home=tmp_path).stdout)
    assert {"cpu-server", "cpu-single-core", "cpu-tiny"} <= {target["name"] for target in told["targets"]}
    assert all(target["missing"] is None for target in told["targets"] if target["runtime"]["kind"] == "onnxruntime")


def test_nothing_ran_yet_is_said_with_a_command_that_begins(tmp_path: Path) -> None:
    assert json.loads(farrier("runs", "--json", home=tmp_path).stdout) == []
    assert "run digits" in farrier("runs", home=tmp_path).stdout
