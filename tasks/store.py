"""Content-addressed artifacts: put a file, get a reference; fetch a reference, get a file whose digest was checked."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

from filelock import FileLock

from tasks.errors import CorruptedArtifact, StoreError, StoreFull
from tasks.records import Artifact, Record

CHECKOUT = Path(__file__).resolve().parent.parent
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
LEAST_FREE_BYTES = 1 << 16
SCRATCH = ".scratch-"


def home() -> Path:
    """Where everything that farrier writes lives: FARRIER_HOME, or data/ of the checkout."""
    return Path(os.environ.get("FARRIER_HOME") or CHECKOUT / "data").resolve()


def state(*parts: str) -> Path:
    """A folder under the home's state/, made when it is not there. Raises StoreError where it cannot be."""
    path = home().joinpath("state", *parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(f"nothing can be written under {home()}: {problem.strerror}. Choose a folder of your own: "
                         f"export FARRIER_HOME=$HOME/farrier") from problem
    return path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_at(path: Path) -> str:
    """The sha256 of a file, or that of a folder's manifest.json if every file that it names has the digest it says."""
    if path.is_file():
        return sha256_of(path)
    manifest = path / "manifest.json"
    if not manifest.is_file():
        return "no manifest"
    try:
        files = json.loads(manifest.read_bytes())["files"]
        changed = [name for name, facts in files.items() if not _is(path / name, facts["sha256"])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no readable manifest"
    return f"changed: {', '.join(sorted(changed))}" if changed else sha256_of(manifest)


def _is(file: Path, digest: str) -> bool:
    return file.is_file() and sha256_of(file) == digest


def finished(folder: Path, pattern: str) -> list[Path]:
    """The whole files of a folder in the order of their names: what a killed writer left behind begins with a dot."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


@contextmanager
def room(place: Path) -> Iterator[None]:
    """A block that writes under a place: what a full disk makes the libraries raise there becomes StoreFull."""
    try:
        yield
    except (OSError, RuntimeError) as problem:  # torch's writer raises the latter
        if not _for_want_of_room(problem, place):
            raise
        raise StoreFull(f"no room to write under {place}. Free some disk, or set FARRIER_HOME to a folder on a larger "
                        f"one.") from problem


def _for_want_of_room(problem: Exception, place: Path) -> bool:
    """By the system's own word, or where the writer lost that word, by a look at the disk."""
    number = getattr(problem, "errno", None)
    return number in NO_ROOM or (number is None and shutil.disk_usage(place).free < LEAST_FREE_BYTES)


@contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """A place to write beside `path`; it takes the path's name only when the block ends well.

    Raises StoreFull where the disk has no room; what was written by then is removed.
    """
    with room(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Mark a folder as in use for a block; the mark goes with the process, however that ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Whether a living process has a folder in use."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who ask don't take each other for a holder
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class Store:
    """A folder of files named by their own sha256."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or home() / "store"

    def put(self, path: Path) -> Artifact:
        """Keep a copy of a file; the same bytes are kept once."""
        digest = sha256_of(path)
        place = self.root / digest[:2] / f"{digest}{path.suffix}"
        if not (place.exists() and sha256_of(place) == digest):
            with whole_or_nothing(place) as partial:
                shutil.copyfile(path, partial)
        return Artifact(uri=place.as_uri(), sha256=digest, size_bytes=place.stat().st_size)

    def fetch(self, artifact: Artifact) -> Path:
        """The artifact's file. Raises CorruptedArtifact where its bytes are not those that were put."""
        path = path_of(artifact)
        if not path.exists():
            raise CorruptedArtifact(f"artifact {artifact.sha256[:12]} is gone from {path}. Run again: it is rebuilt.")
        if (found := digest_at(path)) != artifact.sha256:
            raise CorruptedArtifact(f"artifact {path} has digest {found[:40]}, not {artifact.sha256[:12]}…: "
                                    f"its bytes changed. Run again: it is rebuilt.")
        return path

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for work in progress, gone at the end of the block. Raises StoreFull where the disk has no room."""
        with ExitStack() as block:
            block.enter_context(room(self.root))
            self.root.mkdir(parents=True, exist_ok=True)
            with self._door():
                folder = Path(block.enter_context(tempfile.TemporaryDirectory(dir=self.root, prefix=SCRATCH)))
                block.enter_context(held(folder))
            with room(self.root):  # asked before the folder goes: what fills the disk may be its own content
                yield folder

    def sweep(self) -> None:
        """Remove the scratch folders that killed processes left."""
        with self._door():
            for folder in self.root.glob(f"{SCRATCH}*"):
                if not is_held(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    def _door(self) -> FileLock:
        """A folder is made and marked, or swept, by one process at a time."""
        return FileLock(self.root / ".sweeping.lock")

    def holds(self, artifact: Artifact) -> bool:
        """Whether the artifact can be fetched."""
        try:
            return self.fetch(artifact) is not None
        except CorruptedArtifact:
            return False


def path_of(artifact: Artifact) -> Path:
    """Where a file:// artifact lies."""
    return Path(unquote(urlparse(artifact.uri).path))


def artifacts_in(value: object) -> Iterator[Artifact]:
    """Every artifact inside a record, or a tuple or dict of them, at any depth."""
    if isinstance(value, Artifact):
        yield value
    elif isinstance(value, Record):
        yield from artifacts_in(dict(value))
    elif isinstance(value, dict):
        yield from artifacts_in(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from artifacts_in(item)
