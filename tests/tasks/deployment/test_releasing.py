from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.package import MANIFEST, SIGNATURE
from serving.signature import sign
from tasks.deployment.packaging import artifact_of
from tasks.deployment.releasing import current, history, reconcile, release, released, rollback, way_back
from tasks.deployment.shelf import shelf, versions
from tasks.deployment.signing import signing_key
from tasks.errors import CorruptedArtifact, DeploymentError
from tasks.records import Artifact, Release
from tasks.store import CHECKOUT, Store, path_of

Pack = Callable[..., Any]
PLACE = ("shop", "cpu-server")

# Ends itself by SIGKILL at the moment when a rename to the given name is asked for: a real crash at a chosen step.
KILLED = """
import os, signal, sys
from tasks.deployment.releasing import release, rollback
from tasks.records import Artifact, Measurement, Verdict
from tasks.store import Store

def kill(event, arguments):
    if event == "os.rename" and os.fspath(arguments[1]).endswith(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
if len(sys.argv) == 2:
    rollback("shop", "cpu-server")
package, verdict, measurement = (kind.model_validate_json(text) for kind, text in
                                 zip((Artifact, Verdict, Measurement), sys.argv[2:], strict=True))
release(package, verdict=verdict, measurement=measurement, store=Store())
"""


def out(packed: Any) -> Release:
    return release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())


def moves() -> list[tuple[str, int]]:
    return [(event.what, event.version) for event in history(*PLACE)]


def test_nothing_is_released_at_first(store: Store) -> None:
    assert current(*PLACE) is None
    assert history(*PLACE) == ()
    assert released() == ()


def test_a_release_is_what_its_target_serves(pack_one: Pack) -> None:
    packed = pack_one()
    made = out(packed)
    assert (made.version, made.candidate, made.package.sha256) == (1, "linear-keep", packed.package.sha256)
    assert current(*PLACE) == made
    assert path_of(made.package) == shelf(*PLACE) / "v1" / "package"
    assert json.loads((shelf(*PLACE) / "current.json").read_text())["version"] == 1
    assert released("shop") == (made,)
    assert released("shop", "another") == ()


def test_the_same_package_is_released_once(pack_one: Pack) -> None:
    assert out(pack_one()) == out(pack_one())
    assert moves() == [("released", 1)]
    assert versions(shelf(*PLACE)) == (1,)


def test_versions_follow_each_other_and_a_rollback_goes_back(pack_one: Pack) -> None:
    first, second, third = (out(pack_one(bias)) for bias in (0.0, 0.1, 0.2))
    assert [r.version for r in (first, second, third)] == [1, 2, 3]
    assert way_back(*PLACE) == second
    assert rollback(*PLACE) == second
    assert rollback(*PLACE) == first
    assert current(*PLACE) == first
    assert rollback(*PLACE, 3) == third
    assert moves()[3:] == [("rolled back", 2), ("rolled back", 1), ("rolled back", 3)]


def test_a_rollback_passes_over_what_was_rolled_back_itself(pack_one: Pack) -> None:
    for bias in (0.0, 0.1):
        out(pack_one(bias))
    rollback(*PLACE)
    out(pack_one(0.2))
    assert rollback(*PLACE).version == 1


def test_a_run_does_not_undo_a_rollback(pack_one: Pack) -> None:
    out(pack_one())
    second = pack_one(0.1)
    out(second)
    rollback(*PLACE)
    with pytest.raises(DeploymentError, match=r"is v2, which was rolled back.*--version 2"):
        out(second)
    assert current(*PLACE).version == 1
    with pytest.raises(DeploymentError, match=r"Name one of v2: .*--version 2"):
        rollback(*PLACE)
    rollback(*PLACE, 2)
    assert out(second).version == 2


def test_there_must_be_somewhere_to_roll_back_to(pack_one: Pack) -> None:
    with pytest.raises(DeploymentError, match="serves nothing"):
        rollback(*PLACE)
    out(pack_one())
    with pytest.raises(DeploymentError, match=r"no earlier version is left to go to\. It is the only one"):
        rollback(*PLACE)
    with pytest.raises(DeploymentError, match=r"no readable version 7 \(there is: v1\)"):
        rollback(*PLACE, 7)


def says(packed: Any, **facts: Any) -> Artifact:
    """The same package with another manifest, as our own key would sign it."""
    folder = path_of(packed.package)
    manifest = json.loads((folder / MANIFEST).read_bytes()) | facts
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / SIGNATURE).write_bytes(sign((folder / MANIFEST).read_bytes(), signing_key()))
    return artifact_of(folder)


def failing(packed: Any, outcome: str) -> Any:
    overall = packed.verdict.overall.model_copy(update={"outcome": outcome})
    return packed.verdict.model_copy(update={"outcome": outcome, "overall": overall})


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_only_a_pass_is_released(pack_one: Pack, outcome: str) -> None:
    packed = pack_one()
    verdict = failing(packed, outcome)
    honest = says(packed, verdict=verdict.model_dump(mode="json"))
    with pytest.raises(DeploymentError, match=f"verdict is {outcome}"):
        release(honest, verdict=verdict, measurement=packed.measurement, store=Store())
    assert current(*PLACE) is None


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_a_package_that_says_otherwise_than_its_verdict_is_refused(pack_one: Pack, outcome: str) -> None:
    packed = pack_one()
    liar = says(packed, verdict=failing(packed, outcome).model_dump(mode="json"))
    with pytest.raises(DeploymentError, match=f"says {outcome}, by other numbers"):
        release(liar, verdict=packed.verdict, measurement=packed.measurement, store=Store())
    assert current(*PLACE) is None


def test_a_package_with_other_measurements_is_refused(pack_one: Pack) -> None:
    packed = pack_one()
    faster = packed.measurement.model_copy(update={"memory_bytes": 1})
    with pytest.raises(DeploymentError, match="by other numbers"):
        release(packed.package, verdict=packed.verdict, measurement=faster, store=Store())


def test_a_pass_over_a_slice_that_did_not_is_none(pack_one: Pack) -> None:
    packed = pack_one()
    part = packed.verdict.overall.model_copy(update={"name": "plan=basic", "outcome": "inconclusive"})
    verdict = packed.verdict.model_copy(update={"slices": (part,)})
    package = says(packed, verdict=verdict.model_dump(mode="json"))
    with pytest.raises(DeploymentError, match="a comparison that must pass does not"):
        release(package, verdict=verdict, measurement=packed.measurement, store=Store())


@pytest.mark.parametrize("kind", ["sklearn", "torch", "echo", "another"])
def test_what_runs_in_a_reference_is_refused(pack_one: Pack, kind: str) -> None:
    packed = pack_one()
    package = says(packed, runtime={"kind": kind, "threads": 1, "versions": {}})
    with pytest.raises(DeploymentError, match=f"runs in {kind}, a reference, never released"):
        release(package, verdict=packed.verdict, measurement=packed.measurement, store=Store())


def test_another_package_in_its_place_is_neither_gone_back_to_nor_left_to_serve(pack_one: Pack) -> None:
    packed = pack_one()
    first, other = path_of(out(packed).package), path_of(pack_one(0.3).package)
    shutil.copytree(other, first, dirs_exist_ok=True)
    assert out(packed).version == 2
    with pytest.raises(DeploymentError, match="another one lies in its place"):
        rollback(*PLACE)
    assert current(*PLACE).version == 2


def test_a_version_of_another_target_is_not_served(pack_one: Pack) -> None:
    out(pack_one())
    out(pack_one(target="cpu-tiny"))
    shutil.copytree(shelf("shop", "cpu-tiny") / "v1", shelf(*PLACE) / "v1", dirs_exist_ok=True)
    with pytest.raises(DeploymentError, match="is of shop for cpu-tiny, v1: it lies in another's place"):
        current(*PLACE)


def test_the_pointer_knows_the_package_that_it_was_moved_to(pack_one: Pack) -> None:
    out(pack_one())
    out(pack_one(0.1))
    pointer = shelf(*PLACE) / "current.json"
    moved = json.loads(pointer.read_text())
    pointer.write_text(json.dumps(moved | {"version": 1}))
    with pytest.raises(DeploymentError, match="the pointer names the package"):
        current(*PLACE)
    pointer.write_text('{"version": 1}')
    assert current(*PLACE).version == 1


def test_numbers_of_another_candidate_are_refused(pack_one: Pack) -> None:
    packed = pack_one()
    other = packed.measurement.model_copy(update={"candidate": "forest-trim"})
    with pytest.raises(DeploymentError, match="the measurement of forest-trim"):
        release(packed.package, verdict=packed.verdict, measurement=other, store=Store())


def test_a_damaged_package_is_not_released_and_the_old_one_stays(pack_one: Pack) -> None:
    first, second = out(pack_one()), pack_one(0.1)
    signature = path_of(second.package) / "signature.json"
    signature.write_bytes(signature.read_bytes().replace(b"ed25519", b"ed25518"))
    with pytest.raises(DeploymentError, match="a fresh process refused the package"):
        out(second)
    assert current(*PLACE) == first
    assert versions(shelf(*PLACE)) == (1,)
    (path_of(second.package) / "model.onnx").write_bytes(b"")
    with pytest.raises(CorruptedArtifact):
        out(second)


def test_a_package_by_an_untrusted_key_is_not_released(pack_one: Pack, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    stranger = tmp_path / "production.pem"
    stranger.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    packed = pack_one()
    with pytest.raises(DeploymentError, match="not trusted"):
        release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store(),
                trusted=[stranger])
    assert current(*PLACE) is None


def test_a_damaged_version_is_not_gone_back_to(pack_one: Pack) -> None:
    first, second = out(pack_one()), out(pack_one(0.1))
    (path_of(first.package) / "model.onnx").write_bytes(b"")
    with pytest.raises(DeploymentError, match=r"model\.onnx: expected \d+ bytes, found 0"):
        rollback(*PLACE)
    assert current(*PLACE) == second


def test_a_damaged_release_is_mended_by_releasing_again(pack_one: Pack) -> None:
    packed = pack_one()
    (path_of(out(packed).package) / "card.md").write_text("changed")
    assert out(packed).version == 2
    assert current(*PLACE).version == 2


@pytest.mark.parametrize(("step", "left"), [("/v2", 1), ("current.json", 1), ("history.jsonl", 2)])
def test_killed_at_any_step_the_next_call_leaves_exactly_one_release(pack_one: Pack, step: str, left: int) -> None:
    out(pack_one())
    packed = pack_one(0.1)
    records = [record.model_dump_json() for record in (packed.package, packed.verdict, packed.measurement)]
    done = subprocess.run([sys.executable, "-c", KILLED, step, *records], cwd=CHECKOUT, env=dict(os.environ),
                          capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert current(*PLACE).version == left
    assert out(packed).version == 2
    assert current(*PLACE).package.sha256 == packed.package.sha256
    assert versions(shelf(*PLACE)) == (1, 2)
    assert [version for _, version in moves()] == [1, 2]
    assert not [path.name for path in shelf(*PLACE).iterdir() if path.name.startswith(".")]


def test_reconcile_clears_what_was_never_served(pack_one: Pack) -> None:
    out(pack_one())
    for name in (".unfinished-x", "v9"):
        (shelf(*PLACE) / name).mkdir()
    reconcile(*PLACE)
    assert sorted(path.name for path in shelf(*PLACE).iterdir()) == ["current.json", "history.jsonl", "v1"]


def test_two_releases_at_once_take_turns(pack_one: Pack) -> None:
    packed = [pack_one(bias) for bias in (0.0, 0.1)]
    threads = [threading.Thread(target=out, args=(one,)) for one in packed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions(shelf(*PLACE)) == (1, 2)
    assert [version for _, version in moves()] == [1, 2]


def test_a_pointer_that_cannot_be_read_says_what_to_write(pack_one: Pack) -> None:
    out(pack_one())
    (shelf(*PLACE) / "current.json").write_text("{")
    with pytest.raises(DeploymentError, match=r'such as \{"version": 1\}'):
        current(*PLACE)


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden"])
def test_names_cannot_leave_the_folder(store: Store, name: str) -> None:
    with pytest.raises(DeploymentError, match="cannot name a project or target"):
        current(name, "cpu-server")


def test_a_rollback_that_was_killed_half_way_stays_one(pack_one: Pack) -> None:
    out(pack_one())
    second = pack_one(0.1)
    out(second)
    done = subprocess.run([sys.executable, "-c", KILLED, "history.jsonl"], cwd=CHECKOUT, env=dict(os.environ),
                          capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert current(*PLACE).version == 1
    with pytest.raises(DeploymentError, match="is v2, which was rolled back"):
        out(second)
    assert moves() == [("released", 1), ("released", 2), ("rolled back", 1)]


def test_a_history_that_was_lost_takes_no_way_back_with_it(pack_one: Pack) -> None:
    for bias in (0.0, 0.1, 0.2):
        out(pack_one(bias))
    (shelf(*PLACE) / "history.jsonl").unlink()
    reconcile(*PLACE)
    assert versions(shelf(*PLACE)) == (1, 2, 3)
    assert moves() == [("recovered", 3)]
    assert rollback(*PLACE, 1).version == 1


def test_a_broken_line_of_the_history_is_named(pack_one: Pack) -> None:
    out(pack_one())
    file = shelf(*PLACE) / "history.jsonl"
    file.write_text(file.read_text() + '{"at": \n')
    with pytest.raises(DeploymentError, match=r"history\.jsonl, line 2 is no move"):
        history(*PLACE)
