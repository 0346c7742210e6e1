"""A run whose disk is full says so, and the next one goes on as soon as there is room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.store import CHECKOUT
from tests.flows.conftest import steps

pytestmark = pytest.mark.timeout(900)
OWN = ((["unshare", "--map-root-user", "--mount"], "whoever may make a user namespace"),
       (["unshare", "--mount"], "whoever is root"))
# A file system that only this script sees, and that goes with it: too small for a run at first, then large enough.
TWICE = """
mount -t tmpfs -o size=3m tmpfs "$FARRIER_HOME" || exit 99
"$@" > "$SAID/first.out" 2> "$SAID/first.err"; echo $? > "$SAID/first.code"
mount -o remount,size=300m "$FARRIER_HOME" || exit 99
"$@" > "$SAID/second.out" 2> "$SAID/second.err"; echo $? > "$SAID/second.code"
"""


@pytest.fixture
def own_mounts() -> list[str]:
    """What to begin a command with that mounts for itself alone, where this machine lets us."""
    for words, _ in OWN:
        if subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False,
                          capture_output=True).returncode == 0:
            return words
    pytest.skip("needs a right to mount a small file system, as " + " or as ".join(who for _, who in OWN))


def test_a_full_disk_is_said_and_the_next_run_goes_on_where_there_is_room(
    environment: dict[str, str], home: Path, tmp_path: Path, own_mounts: list[str]
) -> None:
    small = home / "small"
    small.mkdir()
    done = subprocess.run([*own_mounts, "sh", "-c", TWICE, "sh", sys.executable, "-m", "farrier", "run", "tiny",
                           "--json"], cwd=CHECKOUT, check=False, timeout=600, capture_output=True, text=True,
                          env={**environment, "FARRIER_HOME": str(small), "SAID": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    said = {file.name: file.read_text() for file in tmp_path.iterdir()}
    full, after = said["first.err"], said["second.err"]
    assert int(said["first.code"]) == 1, full
    assert f"farrier: no room to write under {small}" in full
    assert "Free some disk" in full
    assert "Traceback" not in full
    assert int(said["second.code"]) == 0, after
    outcome = json.loads(said["second.out"])
    assert outcome["status"] == "released"
    assert [release["version"] for release in outcome["releases"]] == [1]
    assert not steps(after)["made"] & steps(full)["made"], "what was finished before is not repeated"
