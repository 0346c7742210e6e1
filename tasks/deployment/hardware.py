"""What this process may use of the machine: cores, memory and instructions, as affinity and cgroups allow."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.records import Fingerprint

ISA = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
       "amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve", "sve2")
LIBRARIES = ("numpy", "onnxruntime", "scikit-learn", "torch")
UNLIMITED = 2**60  # cgroup v1 writes "no limit" as a number near 2**63
CPUS, CGROUPS, PROC = Path("/sys/devices/system/cpu"), Path("/sys/fs/cgroup"), Path("/proc")


def fingerprint() -> Fingerprint:
    """The machine and the libraries, as far as they move a measured number."""
    return Fingerprint(
        cpu=_cpu(), isa=_isa(), cores=cores(), memory_bytes=memory_bytes(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        versions={name: found for name in LIBRARIES if (found := _version(name))},
    )


@cache
def machine_digest() -> str:
    """The fingerprint's sha256: what a measurement's cache key adds."""
    return fingerprint().digest()


def cores() -> int:
    """How many physical cores this process may keep busy: its affinity, without siblings, within its CPU quota."""
    quota = cpu_quota()
    physical = len({_siblings(cpu) for cpu in _affinity()})
    return max(1, physical if quota is None else min(physical, int(quota)))


def memory_bytes(cgroups: Path = CGROUPS, proc: Path = PROC) -> int:
    """How much memory this process may fill: the machine's, or less where a cgroup says so."""
    texts = _settings("memory", "memory.max", "memory.limit_in_bytes", cgroups, proc)
    limits = [int(text) for text in texts if text.isdigit()]
    return min([_physical_memory(), *(limit for limit in limits if limit < UNLIMITED)])


def cpu_quota(cgroups: Path = CGROUPS, proc: Path = PROC) -> float | None:
    """The CPU time a second that the tightest of this process's cgroups allows; None where none limits it."""
    quotas = [_quota(text) for text in _settings("cpu", "cpu.max", "cpu.cfs_quota_us", cgroups, proc)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota(text: str) -> float | None:
    """The share that `cpu.max` ("200000 100000") or a v1 quota ("200000", of a period of 100 ms) allows.

    >>> _quota("150000 100000"), _quota("max 100000"), _quota("-1")
    (1.5, None, None)
    """
    quota, *period = text.split()
    return None if quota in ("max", "-1") else int(quota) / int(period[0] if period else 100_000)


def _settings(controller: str, v2: str, v1: str, cgroups: Path, proc: Path) -> Iterator[str]:
    """The text of one setting in this process's cgroup and in each one above it, in both versions of cgroups."""
    for folder in _cgroups_of(controller, cgroups, proc):
        for name in (v2, v1):
            if (file := folder / name).is_file():
                yield _with_period(file) if name == "cpu.cfs_quota_us" else file.read_text().strip()


def _with_period(quota: Path) -> str:
    files = (quota, quota.with_name("cpu.cfs_period_us"))
    return " ".join(file.read_text().strip() for file in files if file.is_file())


def _cgroups_of(controller: str, cgroups: Path, proc: Path) -> Iterator[Path]:
    membership = proc / "self/cgroup"
    for line in membership.read_text().splitlines() if membership.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        roots = [cgroups / controllers, cgroups / controller] if controllers else [cgroups, cgroups / "unified"]
        root = next((root for root in roots if root.is_dir()), cgroups)
        place = root / path.lstrip("/")
        yield from (folder for folder in (place, *place.parents) if folder.is_dir() and folder.is_relative_to(root))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _siblings(cpu: int) -> str:
    """The hardware threads that share a core with this one; only itself where the system does not say."""
    file = CPUS / f"cpu{cpu}" / "topology/thread_siblings_list"
    return file.read_text().strip() if file.is_file() else str(cpu)


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu() -> str:
    found = _cpuinfo("model name", "Model", "Hardware")
    return found or platform.processor() or platform.machine()


def _isa() -> tuple[str, ...]:
    flags = set(_cpuinfo("flags", "Features").split())
    return tuple(flag for flag in ISA if flag in flags)


def _cpuinfo(*keys: str) -> str:
    """The first of these fields in /proc/cpuinfo; empty where there is none."""
    file = PROC / "cpuinfo"
    lines = file.read_text().splitlines() if file.is_file() else []
    fields = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    return next((value for wanted in keys for key, value in fields if key == wanted), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
