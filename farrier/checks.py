"""What `farrier doctor` looks at: each check tells what it found, and what mends what is not fine."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.plugins import installing

if TYPE_CHECKING:
    from packaging.requirements import Requirement

LEAST_FREE_BYTES = 2_000_000_000
REINSTALL = "rm -rf .venv && make setup"
TORCH = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'no CUDA device')"


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    fine: bool
    found: str
    mend: str = ""


def in_checkout(words: str) -> str:
    """A command that works in the checkout, as it works from here."""
    from tasks.store import CHECKOUT

    return words if Path.cwd() == CHECKOUT else f"cd {shlex.quote(str(CHECKOUT))} && {words}"


def python() -> Iterator[Finding]:
    """The interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", (3, 11) <= sys.version_info[:2] <= (3, 13), version, "install Python 3.11, 3.12 or 3.13")


def packages() -> Iterator[Finding]:
    """Every package of the lock against what is installed."""
    off = [f"{name} {_installed(name) or 'is missing'}, not {wanted}" for name, wanted in _locked().items()
           if _installed(name) != wanted]
    yield Finding("packages", not off, "; ".join(off[:5]) or "as locked", in_checkout(REINSTALL))


def torch() -> Iterator[Finding]:
    """Whether torch is the pinned one, which is in no lock, can be loaded, and sees an accelerator.

    It is loaded in a process of its own, beside the other checks: that takes longer than all of them.
    """
    version, pinned = _installed("torch"), _pinned("torch")
    loaded = subprocess.run([sys.executable, "-c", TORCH], capture_output=True, text=True, check=False)  # noqa: S603
    if version is None or loaded.returncode:
        raise ImportError((loaded.stderr.strip().splitlines() or ["torch is not installed"])[-1])
    same = pinned in (None, version.partition("+")[0])
    yield Finding("torch", same, f"{version}, {loaded.stdout.strip()}" + ("" if same else f"; pinned is {pinned}"),
                  in_checkout(REINSTALL))


def targets() -> Iterator[Finding]:
    """Whether each target's runtime is installed; one that is not is no fault of this machine."""
    from conf.settings import load_target, target_names

    for name in target_names():
        missing = load_target(name).runtime.available()
        yield Finding(f"target {name}", fine=True,
                      found=f"to build for it: {missing}" if missing else "can be built and measured")


def extras() -> Iterator[Finding]:
    """Which extras are installed, for targets and stores that need one; that one is not is no fault either."""
    for name in metadata.metadata("farrier").get_all("Provides-Extra") or ():
        lacking = [one.name for one in _required() if one.marker and one.marker.evaluate({"extra": name})
                   and not one.marker.evaluate({"extra": ""}) and _installed(one.name) is None]
        brings = in_checkout(installing(name))
        yield Finding(f"extra {name}", fine=True, found=f"not installed; to install it: {brings}" if lacking else
                      "installed")


def settings() -> Iterator[Finding]:
    """Whether every project's settings hold together."""
    from conf.settings import load, projects
    from tasks.errors import FarrierError

    for name, file in projects().items():
        try:
            load(name)
        except FarrierError as problem:
            yield Finding(f"project {name}", fine=False, found=str(problem), mend=f"edit {file}")
        else:
            yield Finding(f"project {name}", fine=True, found="valid")


def disk() -> Iterator[Finding]:
    """Room for artifacts, and the right to write them."""
    from tasks.store import home

    place, mend = home(), "export FARRIER_HOME=$HOME/farrier"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        yield Finding("writable", fine=False, found=f"{place}: {problem.strerror}", mend=mend)
        return
    free = shutil.disk_usage(place).free
    yield Finding("disk", free > LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free at {place}", mend)
    yield Finding("writable", os.access(place, os.W_OK), str(place),
                  f"sudo chown -R {getpass.getuser()} {shlex.quote(str(place))}")


def servers() -> Iterator[Finding]:
    """The Prefect server and MLflow's store: those that the environment names must answer."""
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
            server = box.server or "an MLflow server"
            yield Finding("outbox", fine=False, found=f"{len(waiting)} entries wait for {server}, in {box.folder}",
                          mend="start that server; the next run delivers them")
        if refused := box.refused():
            yield Finding("outbox", fine=False, found=f"MLflow refused {len(refused)} entries, such as {refused[0]}",
                          mend=f"read why in {refused[0].with_suffix('.txt')}; when that is mended, remove them: "
                               f"rm -r {shlex.quote(str(refused[0].parent))}")


def port() -> Iterator[Finding]:
    """Whether a server may listen on loopback."""
    from tasks.addresses import free_port

    try:
        yield Finding("loopback", fine=True, found=f"a free port, as {free_port()}")
    except OSError as problem:
        yield Finding("loopback", fine=False, found=str(problem), mend="allow listening on 127.0.0.1")


def ports() -> Iterator[Finding]:
    """Who listens on the ports that this home's servers keep, so that links to their pages last."""
    from flows.server import answers
    from tasks.addresses import is_free
    from tasks.store import home

    file = home() / "state" / "ports.json"
    for server, number in _kept(file).items():
        free, at = is_free(number), f"http://127.0.0.1:{number}"
        ours = not free and (answers(at) or answers(f"{at}/api"))
        said = "free" if free else "in use by a server that is up" if ours else (
            "taken by something else: links of earlier runs lead there")
        yield Finding(f"port of {server}", free or ours, f"{number}, {said}",
                      f"end what listens on port {number}; or choose other ports: rm {shlex.quote(str(file))}")


def _kept(file: Path) -> dict[str, int]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    python, packages, torch, targets, extras, settings, disk, port, ports, servers)


def _writable() -> bool:
    from tasks.errors import StoreError
    from tasks.store import state

    try:
        state()
    except StoreError:
        return False
    return True


def _locked() -> dict[str, str]:
    from packaging.requirements import Requirement

    from tasks.store import CHECKOUT

    lines = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    wanted = (Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum())
    return {one.name: next(iter(one.specifier)).version for one in wanted if not one.marker or one.marker.evaluate()}


def _required() -> list[Requirement]:
    """What farrier itself asks for, extras and all."""
    from packaging.requirements import Requirement

    return [Requirement(line) for line in metadata.requires("farrier") or ()]


def _pinned(name: str) -> str | None:
    """The one version that farrier itself asks for; None where it leaves a choice."""
    pins = [spec.version for one in _required() if one.name == name for spec in one.specifier if spec.operator == "=="]
    return pins[0] if pins else None


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


