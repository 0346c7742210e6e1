from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farrier.app import main
from farrier.verify import verify
from serving.package import PackageError
from tasks.deployment.releasing import release
from tasks.deployment.remeasuring import Figure, misses
from tasks.deployment.signing import trusted_keys
from tasks.errors import DeploymentError, SettingsError, UnknownProject
from tasks.records import Budgets, Estimate
from tasks.store import Store, path_of


@pytest.fixture
def live(pack_one: Callable[..., Any]) -> Path:
    """The folder of what the project `shop` serves."""
    packed = pack_one()
    made = release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())
    return path_of(made.package)


def test_a_project_and_its_package_hold(live: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for subject in ("shop", str(live)):
        assert verify(subject, json=True) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert (found["candidate"], found["files"], found["measured"]) == ("linear-keep", 4, None)
        assert found["golden_rows"] >= 22
    assert verify("shop", target="cpu-server") == 0
    assert "which is trusted" in capsys.readouterr().out


def test_a_flipped_byte_is_refused(live: Path) -> None:
    content = bytearray((live / "model.onnx").read_bytes())
    content[40] ^= 1
    (live / "model.onnx").write_bytes(content)
    with pytest.raises(PackageError, match=r"model\.onnx: expected sha256"):
        verify("shop")


def test_a_package_from_elsewhere_needs_a_key_by_name(live: Path, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    taken, key = Path(shutil.copytree(live, tmp_path / "taken")), trusted_keys()[0]
    monkeypatch.setenv("FARRIER_HOME", str(tmp_path / "another"))
    with pytest.raises(PackageError, match="not trusted"):
        verify(str(taken))
    assert verify(str(taken), key=(key,)) == 0


def test_what_is_neither_package_nor_project(live: Path) -> None:
    with pytest.raises(UnknownProject, match=r"there is no project 'shed'; there are .*shop"):
        verify("shed")
    with pytest.raises(SettingsError, match="is no folder; name a project"):
        verify("./shed")
    with pytest.raises(SettingsError, match="there is no target 'gpu'"):
        verify("shop", target="gpu")
    with pytest.raises(SettingsError, match=r"none\.pem is not there"):
        verify("shop", key=(Path("none.pem"),))
    with pytest.raises(DeploymentError, match="nothing is released of digits"):
        verify("digits")


def test_measured_again_it_is_compared(live: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("shop", measure=True, json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)
    figures = {figure["name"]: figure for figure in found["measured"]["figures"]}
    assert set(figures) == {"latency_p50_ms", "latency_p99_ms", "throughput_per_s", "cpu_s_per_1000"}
    assert figures["latency_p50_ms"]["then"]["value"] == 0.9
    assert 0 < figures["latency_p50_ms"]["now"]["value"] <= figures["latency_p99_ms"]["now"]["value"]
    assert not found["measured"]["same_machine"]


def test_another_package_in_its_place_is_refused_though_we_signed_it(live: Path, pack_one: Callable[..., Any]) -> None:
    shutil.copytree(path_of(pack_one(target="cpu-tiny").package), live, dirs_exist_ok=True)
    with pytest.raises(PackageError, match="another one lies in its place"):
        verify("shop")


def test_a_key_that_is_none_is_told_without_a_traceback(live: Path, tmp_path: Path,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.pem").write_text("no key")
    with pytest.raises(SystemExit, match="1"):
        main(["verify", "shop", "--key", str(tmp_path / "bad.pem")])
    assert "bad.pem holds no public key" in capsys.readouterr().err


def test_a_budget_that_is_missed_here_is_a_failure(pack_one: Callable[..., Any],
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    packed = pack_one(budgets={"latency_p99_ms": 1e-6, "throughput_per_s": 1.0})
    release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())
    assert verify("shop", measure=True, json=True) == 1
    [found] = json.loads(capsys.readouterr().out)
    assert [miss["what"] for miss in found["measured"]["misses"]] == ["latency_p99_ms"]
    assert verify("shop", measure=True) == 1
    assert "latency_p99_ms is" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "value", "low", "high", "met"), [
    ("latency_p99_ms", 0.9, 0.8, 1.1, False), ("latency_p99_ms", 0.9, 0.8, 1.0, True),
    ("throughput_per_s", 1.1, 0.9, 1.3, False), ("throughput_per_s", 1.1, 1.0, 1.3, True),
    ("latency_p99_ms", 0.9, 0.8, float("nan"), False)])
def test_a_budget_is_judged_here_as_it_was_at_selection(name: str, value: float, low: float, high: float,
                                                        met: bool) -> None:
    now = Estimate(value=value, low=low, high=high, method="made up", n=7)
    found = misses((Figure(name=name, then=now, now=now),), Budgets.model_validate({name: 1.0}))
    assert bool(found) != met
