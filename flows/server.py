"""One Prefect server per FARRIER_HOME: whoever needs one first starts it, whoever leaves last stops it.

Users hold a shared lock while they use the server; the last to leave is the one who can take the lock alone.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tasks.addresses import port_of, without_userinfo
from tasks.errors import OrchestrationError
from tasks.stopping import undisturbed
from tasks.store import state, whole_or_nothing
from tasks.telling import say

READY_TIMEOUT_S = 180
QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # errors are said once, by the command itself
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}


@contextmanager
def prefect_server(meanwhile: Callable[[], object] = lambda: None) -> Iterator[str]:
    """The address of a Prefect API for the block: the one that the environment names, else this home's own.

    The environment says where it is from the start, so that `meanwhile` may import Prefect while the server comes up.
    """
    configured = os.environ.get("PREFECT_API_URL")
    if configured:
        with _told(environment()):
            meanwhile()
            yield _answering(configured)
        return
    with (state("prefect") / "users.lock").open("w") as users, _told(environment()):
        started: list[subprocess.Popen[bytes]] = []
        try:
            yield _join(users, started, meanwhile)
        finally:  # whatever happened, and while it was coming up too
            with undisturbed():
                _leave(users)
            for server in started:
                server.poll()  # takes note of its end


@contextmanager
def _told(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables for the block; those that are set already stay as they are."""
    names = (*variables, "PREFECT_API_URL")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: value for name, value in variables.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


def server_address() -> str | None:
    """The API address of this home's server where one answers now."""
    facts = _facts()
    return facts["url"] if facts and answers(facts["url"]) else None


def environment(url: str = "") -> dict[str, str]:
    """What Prefect must be told, in this process and in the server's: where it keeps things, and to stay quiet."""
    home = state("prefect")
    told = {**QUIET, "PREFECT_HOME": str(home), "PREFECT_LOCAL_STORAGE_PATH": str(state("results")),
            "PREFECT_PROFILES_PATH": str(home / "profiles.toml")}
    return {**told, "PREFECT_API_URL": url} if url else told


def _join(users: IO[str], started: list[subprocess.Popen[bytes]], meanwhile: Callable[[], object]) -> str:
    """Start the server if need be; two who come at once take turns at the door."""
    with (state("prefect") / "door.lock").open("w") as door, _aside(meanwhile) as busy:
        fcntl.flock(door, fcntl.LOCK_EX)
        facts = _facts()
        if facts is None or not _is_server(facts):
            with undisturbed():  # a server that is in no file would never be found again
                server, facts = _start()
                started.append(server)
        os.environ["PREFECT_API_URL"] = facts["url"]
        waiting = busy()
        _wait_until_ready(facts)
        waiting.result()
        fcntl.flock(users, fcntl.LOCK_SH)
    return str(facts["url"])


@contextmanager
def _aside(work: Callable[[], object]) -> Iterator[Callable[[], Future[object]]]:
    """Starts work beside the block, which does not wait for it when it is interrupted: an import cannot be stopped."""
    thread = ThreadPoolExecutor(1)
    try:
        yield lambda: thread.submit(work)
    finally:
        thread.shutdown(wait=False)


def _leave(users: IO[str]) -> None:
    with (state("prefect") / "door.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            say("stopping", "stopping the Prefect server")
            _stop()


def _start() -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    port = port_of("prefect")
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = (state("prefect") / "server.log").open("ab")
    told = {**os.environ, **environment(), "PREFECT_SERVER_UI_API_URL": url,  # else its pages ask the default port
            # else any page that a browser opens may ask it
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}"}
    told.pop("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")  # the server's log keeps its errors
    server = subprocess.Popen(command, env=told, stdout=log, stderr=log,  # noqa: S603
                              stdin=subprocess.DEVNULL, start_new_session=True)
    log.close()
    facts = {"url": url, "pid": server.pid}
    with whole_or_nothing(_facts_file()) as partial:
        partial.write_text(json.dumps(facts))
    return server, facts


def _wait_until_ready(facts: dict[str, Any]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not answers(facts["url"]):
        if not _is_server(facts) or time.monotonic() > deadline:
            raise OrchestrationError(f"the Prefect server did not come up at {facts['url']} within {READY_TIMEOUT_S} "
                                     f"s. What it said: {state('prefect') / 'server.log'}")
        time.sleep(0.1)


def _stop() -> None:
    """End the server that server.json names, if it is still ours: a process id may have been given to another."""
    facts = _facts()
    if facts is not None and _is_server(facts):
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(facts["pid"], signal_number)
            if _gone(facts["pid"], within_s=8):
                break
    _facts_file().unlink(missing_ok=True)


def _is_server(facts: dict[str, Any]) -> bool:
    """Whether the process is the server that was started, be it ready or still coming up."""
    try:
        words = Path(f"/proc/{facts['pid']}/cmdline").read_bytes().split(b"\0")
    except OSError:  # gone; or no Linux, where an answer must do
        return answers(facts["url"])
    port = facts["url"].removesuffix("/api").rpartition(":")[2]
    return b"prefect" in words and port.encode() in words


def _gone(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not _group_alive(pid):
            return True
        time.sleep(0.05)
    return False


def _group_alive(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _facts_file() -> Path:
    return state("prefect") / "server.json"


def _facts() -> dict[str, Any] | None:
    try:
        return dict(json.loads(_facts_file().read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _answering(url: str) -> str:
    if not answers(url):
        raise OrchestrationError(f"PREFECT_API_URL is {without_userinfo(url)} and nothing healthy answers there. "
                                 f"Start that server, or unset the variable to use one of farrier's own.")
    return url


def answers(url: str) -> bool:
    """Whether a server at this address says that it is well."""
    try:
        page = f"{without_userinfo(url).rstrip('/')}/health"
        with urllib.request.urlopen(page, timeout=2) as answer:  # noqa: S310 an address of our own making
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException, ValueError):
        return False
