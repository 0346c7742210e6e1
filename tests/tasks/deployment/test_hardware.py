"""What the machine grants is read from where the kernel says it, in both versions of cgroups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.deployment import hardware
from tasks.deployment.target import Target, threads_of


def tree(root: Path, files: dict[str, str]) -> tuple[Path, Path]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "cgroup").mkdir(exist_ok=True)
    return root / "cgroup", root / "proc"


@pytest.mark.parametrize(("files", "quota"), [
    ({"proc/self/cgroup": "0::/app\n", "cgroup/app/cpu.max": "150000 100000\n"}, 1.5),
    ({"proc/self/cgroup": "0::/app/job\n", "cgroup/app/job/cpu.max": "max 100000\n",
      "cgroup/app/cpu.max": "200000 100000\n"}, 2.0),
    ({"proc/self/cgroup": "0::/app\n", "cgroup/app/cpu.max": "400000 100000\n",
      "cgroup/cpu.max": "100000 100000\n"}, 1.0),
    ({"proc/self/cgroup": "0::/app\n", "cgroup/app/cpu.max": "max 100000\n"}, None),
    ({"proc/self/cgroup": "3:cpu,cpuacct:/job\n1:memory:/\n", "cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
      "cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "20000\n"}, 2.5),
    ({"proc/self/cgroup": "3:cpu:/\n", "cgroup/cpu/cpu.cfs_quota_us": "-1\n"}, None),
    ({"proc/self/cgroup": "0::/of/the/host\n", "cgroup/cpu.max": "300000 100000\n"}, 3.0),
    ({"proc/self/cgroup": "2:memory:/\n"}, None),
    ({}, None),
])
def test_cpu_quota(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert hardware.cpu_quota(*tree(tmp_path, files)) == quota


@pytest.mark.parametrize(("files", "limit"), [
    ({"proc/self/cgroup": "0::/app\n", "cgroup/app/memory.max": "1000000\n", "cgroup/memory.max": "max\n"}, 1_000_000),
    ({"proc/self/cgroup": "4:memory:/\n", "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ({"proc/self/cgroup": "4:memory:/a\n", "cgroup/memory/a/memory.limit_in_bytes": "2000000\n"}, 2_000_000),
])
def test_memory(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    assert hardware.memory_bytes(*tree(tmp_path, files)) == (limit or hardware.memory_bytes(tmp_path / "no", tmp_path))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_cores_follow_affinity() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert hardware.cores() == 1
        assert threads_of(Target(name="x", runtime={"kind": "echo"}, threads="all")) == 1  # type: ignore[arg-type]
    finally:
        os.sched_setaffinity(0, allowed)
    assert 1 <= hardware.cores() <= len(allowed)


def test_the_fingerprint_names_this_machine() -> None:
    found = hardware.fingerprint()
    assert found.cpu
    assert found.cores == hardware.cores()
    assert set(found.isa) <= set(hardware.ISA)
    assert set(found.versions) == set(hardware.LIBRARIES)
    assert found.memory_bytes > 0
    assert hardware.machine_digest() == found.digest()


@pytest.mark.parametrize("change", [
    {"threads": 0}, {"threads": "some"}, {"scenario": "server"}, {"runtime": {"kind": "abacus"}}, {"name": ""},
    {"x": 1}])
def test_an_impossible_target_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        Target.model_validate({"name": "t", "runtime": {"kind": "echo"}} | change)


def test_stated_threads_are_kept() -> None:
    assert threads_of(Target.model_validate({"name": "t", "runtime": {"kind": "echo"}, "threads": 3})) == 3
