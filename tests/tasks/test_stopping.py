"""What stops a command waits for the end of its clean-up, whatever other threads there are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tasks.stopping import stoppable, undisturbed


def test_a_signal_amid_clean_up_is_delivered_at_its_end() -> None:
    done, idle = [], threading.Event()
    threading.Thread(target=idle.wait, daemon=True).start()  # a mask of the main thread alone would let it through here

    def clean_up() -> None:
        with stoppable(), undisturbed():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("whole")

    with pytest.raises(KeyboardInterrupt):
        clean_up()
    idle.set()
    assert done == ["whole"]


def test_a_signal_amid_an_import_waits_until_its_lock_is_free() -> None:
    passed: list[str] = []
    amid = compile("signal.raise_signal(signal.SIGINT)\npassed.append('the lock is free')",
                   "<frozen importlib._bootstrap>", "exec")

    def load() -> None:
        with stoppable():
            exec(amid, {"signal": signal, "passed": passed})  # noqa: S102
            threading.Event().wait(5)

    with pytest.raises(KeyboardInterrupt):
        load()
    assert passed == ["the lock is free"]


def test_what_is_started_meanwhile_hears_every_signal() -> None:
    with stoppable(), undisturbed():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    status = Path(f"/proc/{child.pid}/status").read_text()
    child.communicate(b"\n")
    assert "SigBlk:\t0000000000000000" in status


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable(), undisturbed():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
