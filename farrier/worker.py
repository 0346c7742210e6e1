"""`farrier worker`: the process that executes scheduled and asked-for runs."""

from __future__ import annotations

import fcntl
import json as json_module
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from farrier.following import Journal

PATIENCE_S = 60
LOOK_EVERY_S = 2


def worker(
    *, once: Annotated[bool, Parameter(negative=())] = False, json: Annotated[bool, Parameter(negative=())] = False
) -> int:
    """Execute scheduled and asked-for runs until stopped with Ctrl-C, one at a time.

    It starts the Prefect server of this home where none answers, and stops it when it leaves last. Stopping it
    interrupts the run at work, whose finished steps are kept. Runs that a killed worker left are set to Crashed. Of
    each run it says when it takes it, and how it ended.

    Examples
    --------
      farrier worker
      farrier worker --once
      farrier worker --json

    Parameters
    ----------
    once
        Execute what is due now and stop.
    json
        Say which pool it serves, where and as which process in one line of JSON.

    """
    from flows.server import prefect_server
    from tasks.addresses import without_userinfo

    with _alone() as name, prefect_server() as url:
        from flows.scheduling import POOL, clear, ensure_pool

        ensure_pool()
        clear(name)
        at = without_userinfo(url)
        print(json_module.dumps({"pool": POOL, "api": at, "pid": os.getpid()}) if json
              else f"worker of pool {POOL} at {at}; stop it with Ctrl-C", flush=True)
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process",
                   "--name", name, *(["--with-healthcheck"] if os.environ.get("PREFECT_WORKER_WEBSERVER_PORT") else [])]
        return _until_it_ends([*command, "--run-once"] if once else command, _teller(to_stderr=json))


@contextmanager
def _alone() -> Iterator[str]:
    """One worker a home, under a name that it keeps: who comes after a killed one takes its place at the server."""
    from tasks.errors import OrchestrationError
    from tasks.store import state

    with (state("prefect") / "worker").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OrchestrationError("another worker of this FARRIER_HOME is at work, and executes one run at a time. "
                                     "Stop that one, or leave the work to it.") from None
        file.seek(0)
        name = file.read().strip() or f"farrier-{secrets.token_hex(4)}"
        file.truncate(0)
        file.write(name)
        file.flush()
        yield name


def _teller(*, to_stderr: bool) -> Callable[[], None]:
    """Says what is new of the runs, each time that it is called."""
    from flows.scheduling import taken
    from tasks.calling import as_called

    journal = Journal()

    def tell() -> None:
        for line in journal.lines(taken(journal.since)):
            print(f"{datetime.now().astimezone():%H:%M:%S}  {as_called(line)}", flush=True,
                  file=sys.stderr if to_stderr else sys.stdout)

    return tell


def _until_it_ends(command: list[str], tell: Callable[[], None]) -> int:
    """Run Prefect's worker to its end, in a session of its own: a terminal's Ctrl-C is ours to hand on."""
    from tasks.processes import die_with_parent

    child = subprocess.Popen(command, stdout=sys.stderr, start_new_session=True,  # noqa: S603
                             preexec_fn=die_with_parent)  # noqa: PLW1509 there are no other threads here
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(timeout=LOOK_EVERY_S)
            tell()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(child)
        tell()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the worker and its run to stop, which tell the server of it; who is too slow is killed."""
    for number, patience in ((signal.SIGTERM, PATIENCE_S), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            child.poll()
            try:
                os.killpg(child.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
