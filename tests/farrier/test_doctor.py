"""`farrier doctor` finds what is wrong here, and names what mends it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farrier import checks, doctor
from tasks.store import CHECKOUT, Store
from tests.farrier.test_app import farrier


def test_a_check_that_lacks_a_package_is_a_finding() -> None:
    def models() -> Iterator[checks.Finding]:
        import a_package_that_nobody_has  # type: ignore[import-not-found]  # noqa: F401

        yield checks.Finding("models", fine=True, found="all")

    (finding,) = doctor.looked_at(models)
    assert (finding.what, finding.fine, finding.mend) == ("models", False, "rm -rf .venv && make setup")
    assert "a_package_that_nobody_has" in finding.found


def test_doctor_finds_this_machine_fit_and_says_so(tmp_path: Path) -> None:
    findings = json.loads(farrier("doctor", "--json", home=tmp_path).stdout)
    assert {"Python", "packages", "torch", "disk", "MLflow", "project digits", "extra postgres"} <= {
        finding["what"] for finding in findings}
    assert [finding for finding in findings if not finding["fine"]] == []


def test_doctor_names_what_is_wrong_and_what_mends_it(tmp_path: Path) -> None:
    outbox = tmp_path / "state" / "outbox" / "c0ffee"
    (outbox / "refused").mkdir(parents=True)
    (outbox / "1.json").write_text("{}")
    (outbox / "refused" / "0.json").write_text("{}")
    done = farrier("doctor", home=tmp_path)
    assert done.returncode == 1
    assert "1 entries wait" in done.stdout
    assert f"MLflow refused 1 entries, such as {outbox}/refused/0.json" in done.stdout
    assert "mend it: start that server; the next run delivers them" in done.stdout
    assert f"when that is mended, remove them: rm -r {outbox}/refused" in done.stdout


@pytest.mark.parametrize(("name", "what"), [("MLFLOW_TRACKING_URI", "MLflow"), ("PREFECT_API_URL", "Prefect")])
def test_doctor_finds_a_server_that_is_away_and_shows_no_password(
    name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path))
    monkeypatch.setenv(name, "http://user:s3cret@127.0.0.1:9/api")
    bad = [finding for finding in checks.servers() if not finding.fine]
    assert [(finding.what, finding.found) for finding in bad] == [(what, "http://127.0.0.1:9/api does not answer")]
    assert bad[0].mend == f"unset {name}"


def test_doctor_finds_a_home_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARRIER_HOME", "/dev/null/here")
    assert [finding.fine for finding in [*checks.disk(), *checks.servers()]] == [False]


def test_doctor_finds_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_locked", lambda: {"a-package-that-nobody-has": "1.0"})
    (finding,) = checks.packages()
    assert (finding.fine, finding.found) == (False, "a-package-that-nobody-has is missing, not 1.0")


def test_torch_is_held_against_its_pin_which_is_in_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_pinned", lambda name: "1.0.0")
    (finding,) = checks.torch()
    assert not finding.fine
    assert finding.found.endswith("pinned is 1.0.0")
    assert finding.mend == "rm -rf .venv && make setup"


def test_a_torch_that_cannot_be_loaded_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TORCH", "raise OSError('libcudart.so is not there')")
    (finding,) = doctor.looked_at(checks.torch)
    assert (finding.what, finding.fine, finding.found) == ("torch", False, "OSError: libcudart.so is not there")


def test_a_mend_works_from_where_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checks.in_checkout("make setup") == f"cd {CHECKOUT} && make setup"


def test_a_port_that_another_took_is_found(store: Store, tmp_path: Path) -> None:
    assert list(checks.ports()) == []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        (tmp_path / "state").mkdir(exist_ok=True)
        (tmp_path / "state" / "ports.json").write_text(json.dumps({"mlflow": taken}))
        (bad,) = checks.ports()
        other.settimeout(0)
    (good,) = checks.ports()
    assert (bad.what, bad.fine, good.fine) == ("port of mlflow", False, True)
    assert f"{taken}, taken by something else" in bad.found
    assert bad.mend.endswith(f"rm {tmp_path}/state/ports.json")


def test_a_terminal_is_told_what_is_looked_at_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow() -> Iterator[checks.Finding]:
        time.sleep(1.5)
        yield checks.Finding("slow", fine=True, found="it")

    def quick() -> Iterator[checks.Finding]:
        time.sleep(0.3)
        yield checks.Finding("quick", fine=True, found="it")

    assert [finding.what for finding in doctor.examined((slow, quick))] == ["slow", "quick"]
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    doctor.examined((slow, quick))
    said = capsys.readouterr().err
    assert "looking at slow, quick" in said
    assert "looking at slow\r" in said
