"""`farrier worker`: the process that executes scheduled and asked-for runs."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

from cyclopts import Parameter


def worker(*, once: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Execute scheduled and asked-for runs until stopped with Ctrl-C, one at a time.

    It starts the Prefect server of this home where none answers, and stops it when it leaves last.

    Examples
    --------
      farrier worker
      farrier worker --once

    Parameters
    ----------
    once
        Execute what is due now and stop.

    """
    from flows.server import prefect_server

    with prefect_server() as url:
        from flows.scheduling import POOL, ensure_pool

        ensure_pool()
        print(f"worker of pool {POOL} at {url}; stop it with Ctrl-C", flush=True)
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
        return _until_it_ends([*command, "--run-once"] if once else command)


def _until_it_ends(command: list[str]) -> int:
    """Run a child to its end; a signal that reaches us is handed on, and its clean-up waited for."""
    child = subprocess.Popen(command)  # noqa: S603
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        child.wait(timeout=60)
        return 0
    finally:
        if child.poll() is None:
            child.kill()
