"""`farrier ui`: MLflow's and Prefect's pages, on this machine alone."""

from __future__ import annotations

import json as json_module
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from tasks.errors import OrchestrationError
from tasks.stopping import undisturbed

EXPERIMENTS = "/#/experiments?workflowType=machine_learning"  # else MLflow opens with its pages for chat traces
READY_TIMEOUT_S = 120


def ui(
    *, port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 0,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Serve the MLflow UI and the Prefect UI on loopback until stopped with Ctrl-C.

    Examples
    --------
      farrier ui
      farrier ui --port 5000
      farrier ui --json

    Parameters
    ----------
    port
        Of the MLflow UI; the one that links in Prefect's pages lead to when nothing is said.
    json
        Print both links as one line of JSON.

    """
    from flows.server import prefect_server
    from tasks.addresses import without_userinfo

    print("starting both servers; the first time this takes half a minute", file=sys.stderr, flush=True)
    with prefect_server() as api, mlflow_server(port) as found:
        mlflow, prefect = without_userinfo(found), without_userinfo(api).removesuffix("/api")
        if json:
            print(json_module.dumps({"mlflow": mlflow, "prefect": prefect}), flush=True)
        else:
            print(f"MLflow   {mlflow.rstrip('/')}{EXPERIMENTS}\nPrefect  {prefect}\nStop both with Ctrl-C.", flush=True)
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
    return 0


@contextmanager
def mlflow_server(port: int = 0) -> Iterator[str]:
    """An MLflow server over this home's store, for the block; an address that is configured is used as it is."""
    from tasks.addresses import port_of
    from tasks.store import state
    from tasks.tracking import QUIET, embedded_uri

    configured = os.environ.get("MLFLOW_TRACKING_URI", "")
    if configured.startswith("http"):
        yield configured
        return
    url = f"http://127.0.0.1:{port or port_of('mlflow')}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", url.rpartition(":")[2],
               "--workers", "1"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        with undisturbed(), (state("mlflow") / "server.log").open("ab") as log:
            started.append(subprocess.Popen(  # noqa: S603
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                     "MLFLOW_BACKEND_STORE_URI": configured or embedded_uri()}))  # the arguments are for all to see
        _ready(url, started[0])
        yield url
    finally:
        with undisturbed():
            for server in started:
                _end(server)


def _ready(url: str, server: subprocess.Popen[bytes]) -> None:
    import urllib.error
    import urllib.request

    deadline = time.monotonic() + READY_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310 an address of our own making
                return
        except OSError:
            time.sleep(0.2)
    raise OrchestrationError(f"the MLflow server did not come up at {url}. Is the port taken? Choose another with "
                             f"--port. What it said: state/mlflow/server.log under FARRIER_HOME")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and the workers that it started: its whole process group, which is ours alone."""
    import signal

    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    server.wait()
