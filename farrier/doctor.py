"""`farrier doctor`: what is fine here, what is not, and the command that mends it."""

from __future__ import annotations

import json as json_module
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Annotated, NamedTuple

from cyclopts import Parameter

LEAST_FREE_BYTES = 2_000_000_000


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    fine: bool
    found: str
    mend: str = ""


def doctor(*, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Look at Python, packages, extras, disk, settings, servers and keys; exit with 1 where something is not fine.

    Examples
    --------
      farrier doctor
      farrier doctor --json

    Parameters
    ----------
    json
        Print the findings as JSON.

    """
    findings = [finding for check in CHECKS for finding in looked_at(check)]
    if json:
        print(json_module.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        _show(findings)
    return 0 if all(finding.fine for finding in findings) else 1


def looked_at(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds; that a package which it needs cannot be imported is a finding too."""
    try:
        yield from check()
    except ImportError as problem:
        yield Finding(check.__name__, fine=False, found=str(problem), mend="rm -rf .venv && make setup")


def python() -> Iterator[Finding]:
    """The interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", (3, 11) <= sys.version_info[:2] <= (3, 13), version, "install Python 3.11, 3.12 or 3.13")


def packages() -> Iterator[Finding]:
    """Every package of the lock against what is installed."""
    off = [f"{name} {_installed(name) or 'is missing'}, not {wanted}" for name, wanted in _locked().items()
           if _installed(name) != wanted]
    yield Finding("packages", not off, "; ".join(off[:5]) or "as locked", "rm -rf .venv && make setup")


def torch() -> Iterator[Finding]:
    """Which build of torch, and whether it sees an accelerator."""
    import torch as library

    seen = library.cuda.get_device_name() if library.cuda.is_available() else "no CUDA device"
    yield Finding("torch", fine=True, found=f"{library.__version__}, {seen}")


def targets() -> Iterator[Finding]:
    """Whether each target's runtime is installed; one that is not is no fault of this machine."""
    from conf.settings import load_target, target_names

    for name in target_names():
        missing = load_target(name).runtime.available()
        yield Finding(f"target {name}", fine=True, found=missing or "can be built and measured", mend="")


def settings() -> Iterator[Finding]:
    """Whether every project's settings hold together."""
    from conf.settings import load, projects
    from tasks.errors import FarrierError

    for name in projects():
        try:
            load(name)
        except FarrierError as problem:
            yield Finding(f"project {name}", fine=False, found=str(problem), mend=f"edit conf/projects/{name}.yaml")
        else:
            yield Finding(f"project {name}", fine=True, found="valid")


def disk() -> Iterator[Finding]:
    """Room for artifacts, and the right to write them."""
    import os

    from tasks.store import home

    place, mend = home(), "export FARRIER_HOME=$HOME/farrier"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        yield Finding("writable", fine=False, found=f"{place}: {problem.strerror}", mend=mend)
        return
    free = shutil.disk_usage(place).free
    yield Finding("disk", free > LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free at {place}", mend)
    yield Finding("writable", os.access(place, os.W_OK), str(place), f"chown -R $USER {place}")


def servers() -> Iterator[Finding]:
    """The Prefect server and MLflow's store: those that the environment names must answer."""
    import os

    from flows.server import answers, server_address
    from tasks.addresses import without_userinfo
    from tasks.tracking import Tracking

    if not _writable():
        return
    configured = os.environ.get("PREFECT_API_URL", "")
    found = without_userinfo(configured or server_address() or "not running: a run starts one and stops it")
    dead = bool(configured) and not answers(configured)
    yield Finding("Prefect", not dead, f"{found} does not answer" if dead else found, "unset PREFECT_API_URL")
    uri = Tracking().uri
    at, dead = without_userinfo(uri), uri.startswith("http") and not answers(uri)
    yield Finding("MLflow", not dead, f"{at} does not answer" if dead else at, "unset MLFLOW_TRACKING_URI")
    yield from _outboxes()


def _outboxes() -> Iterator[Finding]:
    from tasks.outbox import outboxes

    for box in outboxes():
        if waiting := box.waiting():
            yield Finding("outbox", fine=False, found=f"{len(waiting)} entries wait to be delivered in {box.folder}",
                          mend="start the MLflow server that they are meant for, then farrier run again")
        if refused := box.refused():
            yield Finding("outbox", fine=False, found=f"MLflow refused {len(refused)} entries, such as {refused[0]}",
                          mend=f"cat {refused[0].with_suffix('.txt')}, run again, then rm -r {refused[0].parent}")


def port() -> Iterator[Finding]:
    """Whether a server may listen on loopback."""
    from tasks.addresses import free_port

    try:
        yield Finding("loopback", fine=True, found=f"a free port, as {free_port()}")
    except OSError as problem:
        yield Finding("loopback", fine=False, found=str(problem), mend="allow listening on 127.0.0.1")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    python, packages, torch, targets, settings, disk, port, servers)


def _writable() -> bool:
    from tasks.store import state

    try:
        state()
    except OSError:
        return False
    return True


def _locked() -> dict[str, str]:
    from packaging.requirements import Requirement

    from tasks.store import CHECKOUT

    lines = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    wanted = (Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum())
    return {one.name: next(iter(one.specifier)).version for one in wanted if not one.marker or one.marker.evaluate()}


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _show(findings: list[Finding]) -> None:
    from rich.console import Console

    from tasks.calling import as_called

    console = Console()
    for finding in findings:
        mark, style = ("ok ", "green") if finding.fine else ("bad", "red")
        console.print(f"[{style}]{mark}[/] {finding.what:<24}", end="")
        console.print(as_called(finding.found), markup=False, highlight=False, soft_wrap=True)
        if not finding.fine:
            console.print(f"    mend it: {as_called(finding.mend)}", markup=False, highlight=False, soft_wrap=True)
