"""The store keeps bytes by their digest, whole or not at all."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import CorruptedArtifact, StoreFull
from tasks.records import Artifact, Rows
from tasks.store import CHECKOUT, Store, artifacts_in, finished, held, is_held, path_of, sha256_of, whole_or_nothing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,2\n")
    return path


@given(content=st.binary(max_size=200))
def test_what_is_put_is_fetched(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("store")
    (folder / "x.bin").write_bytes(content)
    store = Store(folder / "kept")
    artifact = store.put(folder / "x.bin")
    assert store.fetch(artifact).read_bytes() == content
    assert artifact == store.put(folder / "x.bin")
    assert artifact.size_bytes == len(content)


def test_changed_bytes_are_named_and_not_given(tmp_path: Path, file: Path) -> None:
    store = Store(tmp_path / "kept")
    artifact = store.put(file)
    path_of(artifact).write_bytes(b"a,b\n1,3\n")
    assert not store.holds(artifact)
    with pytest.raises(CorruptedArtifact, match=artifact.sha256[:12]):
        store.fetch(artifact)
    assert store.fetch(store.put(file)) == path_of(artifact), "putting again mends it"


def test_a_missing_file_is_named(tmp_path: Path, file: Path) -> None:
    store = Store(tmp_path / "kept")
    artifact = store.put(file)
    path_of(artifact).unlink()
    with pytest.raises(CorruptedArtifact, match="is gone"):
        store.fetch(artifact)


def test_a_folder_is_whole_only_when_every_file_of_its_manifest_is(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "rows.csv").write_bytes(file.read_bytes())
    (folder / "manifest.json").write_text(json.dumps({"files": {"rows.csv": {"sha256": sha256_of(file)}}}))
    artifact = Artifact(uri=folder.as_uri(), sha256=sha256_of(folder / "manifest.json"), size_bytes=1)
    assert Store(tmp_path).fetch(artifact) == folder
    (folder / "rows.csv").write_bytes(b"other")
    with pytest.raises(CorruptedArtifact, match=r"changed: rows\.csv"):
        Store(tmp_path).fetch(artifact)


@pytest.mark.parametrize("content", [b"\xfb", b"[]", b"{}", b'{"files": []}', b'{"files": {"rows.csv": 1}}'])
def test_a_folder_whose_manifest_is_damaged_is_not_given(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    artifact = Artifact(uri=tmp_path.as_uri(), sha256=sha256_of(tmp_path / "manifest.json"), size_bytes=1)
    assert not Store(tmp_path).holds(artifact)
    with pytest.raises(CorruptedArtifact, match="no readable manifest"):
        Store(tmp_path).fetch(artifact)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with whole_or_nothing(tmp_path / "big.bin") as partial:
            partial.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreFull, match="FARRIER_HOME"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_disk_leaves_the_store_as_it_was(tmp_path: Path, file: Path, small_disk: Path) -> None:
    store = Store(small_disk / "kept")
    kept = store.put(file)
    big = tmp_path / "big.bin"
    big.write_bytes(b"\0" * 3_000_000)
    with pytest.raises(StoreFull):
        store.put(big)
    assert store.holds(kept)
    assert [path for path in (small_disk / "kept").rglob("*") if path.is_file()] == [path_of(kept)]


SCRATCH_AND_DIE = """
import os, signal
from tasks.store import Store
with Store().scratch() as folder:
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_and_what_is_at_work_stays(store: Store) -> None:
    killed = subprocess.run([sys.executable, "-c", SCRATCH_AND_DIE], cwd=CHECKOUT, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = store.root.glob(".scratch-*")
    with store.scratch() as at_work:
        store.sweep()
        assert not left.exists()
        assert at_work.exists()
    assert not list(store.root.glob(".scratch-*"))


def test_a_full_disk_is_said_for_what_libraries_write_into_scratch(small_disk: Path) -> None:
    store = Store(small_disk / "kept")
    numbers = np.random.default_rng(0).random(600_000)
    for write in (lambda folder: np.save(folder / "a.npy", numbers),
                  lambda folder: pq.write_table(pa.table({"a": numbers}), folder / "a.parquet"),
                  lambda folder: torch.save(torch.from_numpy(numbers), folder / "a.pt"),
                  lambda folder: shutil.copytree(_folder_of(folder.parent.parent.parent / "big"), folder / "copy")):
        with pytest.raises(StoreFull, match="FARRIER_HOME"), store.scratch() as folder:
            write(folder)
        assert not list(store.root.glob(".scratch-*"))


def _folder_of(place: Path) -> Path:
    place.mkdir(exist_ok=True)
    (place / "big.bin").write_bytes(b"\0" * 3_000_000)
    return place


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "pointer.json"
    target.write_text("old")

    def write() -> None:
        with whole_or_nothing(target) as partial:
            partial.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["pointer.json"]
    assert target.read_text() == "old"


def test_artifacts_are_found_at_any_depth(tmp_path: Path, file: Path) -> None:
    artifact = Store(tmp_path / "kept").put(file)
    rows = Rows(total=1, train=1, validation=0, test=0, quarantine=0)
    assert list(artifacts_in({"a": (artifact, rows), "b": [artifact]})) == [artifact, artifact]


def test_rows_that_are_lost_are_refused() -> None:
    with pytest.raises(ValueError, match="3 rows came in and 2 are accounted for"):
        Rows(total=3, train=1, validation=1, test=0, quarantine=0)


def test_a_folder_is_held_as_long_as_its_block_lasts(tmp_path: Path) -> None:
    asking = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)  # another who asks at the same moment is no holder
    assert not is_held(tmp_path)
    os.close(asking)
    with held(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_only_whole_files_are_listed(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".a-12.json", "c.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in finished(tmp_path, "*.json")] == ["a.json", "b.json"]
    assert finished(tmp_path / "nowhere", "*.json") == []
