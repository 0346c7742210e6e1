"""farrier's own Prefect server: whoever comes first starts it, whoever leaves last stops it, nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tasks.store import CHECKOUT
from tests.flows.conftest import orphans, settle

pytestmark = pytest.mark.timeout(300)
USER = """
from flows.server import prefect_server
with prefect_server() as url:
    print(url, flush=True)
    input()
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command in a session of its own, with a home and nothing else of the test's; all are ended at last."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FARRIER", "PREFECT", "MLFLOW"))}
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it for all that is started
    begun: list[subprocess.Popen[str]] = []

    def starting(*words: str) -> subprocess.Popen[str]:
        begun.append(subprocess.Popen(
            [sys.executable, *words], env={**kept, "FARRIER_HOME": str(tmp_path)}, cwd=CHECKOUT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True))
        return begun[-1]

    yield starting
    signal.signal(signal.SIGHUP, hangup)
    for process in begun:
        process.kill()
        process.communicate()


def server_of(home: Path) -> dict:
    """What the home says of its server, as soon as it says it."""
    file, deadline = home / "state" / "prefect" / "server.json", time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return json.loads(file.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_start_that_is_interrupted_leaves_no_server(number: int, start: Start, tmp_path: Path) -> None:
    process = start("-m", "farrier", "schedule")
    server_of(tmp_path)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert orphans(tmp_path) == []
    assert not (tmp_path / "state" / "prefect" / "server.json").exists()


def test_work_that_fails_while_the_server_comes_up_leaves_none(start: Start, tmp_path: Path) -> None:
    process = start("-c", "from flows.server import prefect_server\nwith prefect_server(lambda: 1 / 0):\n    pass\n")
    _, said = process.communicate(timeout=120)
    assert "ZeroDivisionError" in said
    assert orphans(tmp_path) == []


def test_users_share_a_server_whoever_started_it_and_the_last_one_out_stops_it(start: Start, tmp_path: Path) -> None:
    killed = start("-c", USER)
    pid = server_of(tmp_path)["pid"]
    killed.kill()
    killed.communicate()  # while the server comes up
    first, second = start("-c", USER), start("-c", USER)
    urls = {process.stdout.readline() for process in (first, second) if process.stdout}
    assert len(urls) == 1
    assert server_of(tmp_path)["pid"] == pid
    first.communicate("\n", timeout=120)
    os.kill(pid, 0)
    second.communicate("\n", timeout=120)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert orphans(tmp_path) == []


def test_no_page_of_another_origin_may_ask_the_server(start: Start, tmp_path: Path) -> None:
    process = start("-c", USER)
    assert process.stdout
    process.stdout.readline()
    url = server_of(tmp_path)["url"]

    def allowed(origin: str) -> str | None:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return httpx.options(f"{url}/flows/filter", headers=asked).headers.get("access-control-allow-origin")

    for own in (url.removesuffix("/api"), url.removesuffix("/api").replace("127.0.0.1", "localhost")):
        assert allowed(own) == own
    assert allowed("https://elsewhere.example") is None
    unasked = httpx.post(f"{url}/flows/", content='{"name": "sneaked in"}', headers={"Content-Type": "text/plain"})
    assert unasked.is_client_error  # a form that a browser sends without asking first
    process.communicate("\n", timeout=120)


def test_ctrl_c_in_a_terminal_while_a_run_warms_up_prints_no_traceback(start: Start, tmp_path: Path) -> None:
    process = start("-m", "farrier", "run", "digits")
    assert process.stderr
    assert "preparing" in process.stderr.readline()
    server_of(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    settle(tmp_path)
    assert orphans(tmp_path) == []


def test_what_the_logs_still_hold_is_sent_before_the_server_stops(start: Start, tmp_path: Path) -> None:
    process = start("-c", "import os\nos.environ['PREFECT_LOGGING_TO_API_BATCH_INTERVAL'] = '60'\n"
                          "from farrier.app import main\n"
                          "main(['run', 'digits', '--only', 'data', '-o', 'data.expectations=[]'])\n")
    _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert "Error logging" not in said
    assert orphans(tmp_path) == []
