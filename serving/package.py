"""A package: a folder with one model and the proof of what it is. Read, verified and ready to answer.

Nothing in a package can execute: its files are JSON, Markdown and an ONNX graph whose tensors are all inside. It is
opened only when a trusted key signed the manifest, every file has the manifest's digest, no file is missing or added,
and the golden rows come out as they did on the machine that packed it.

    python -m serving.package FOLDER --trusted KEY.pem      opens it in this process and prints what it is, as JSON
"""

from __future__ import annotations

import argparse
import hashlib
import json
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from serving import golden
from serving.graph import GraphError, has_external_data
from serving.inputs import InputError, feeds
from serving.signature import SignatureError, check, read_keys

FORMAT = 1
MANIFEST, SIGNATURE, MODEL, GOLDEN, PROFILE, CARD = (
    "manifest.json", "signature.json", "model.onnx", "golden.json", "profile.json", "card.md")
CONTENTS = frozenset({MODEL, GOLDEN, PROFILE, CARD})
HEAVY = ("torch", "sklearn", "pandas", "mlflow")
Answers = dict[str, NDArray[Any]]


class PackageError(Exception):
    """A package that must not be used: the message names the file, what was expected, what was found, the way out."""


@dataclass(frozen=True)
class Package:
    """A verified package: what its manifest says, and its model, open."""

    folder: Path
    manifest: Mapping[str, Any]
    digest: str
    key: str
    run: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON of the Schema: which columns rows must have."""
        return dict(self.manifest["schema"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; empty for a regression."""
        return tuple(self.schema["target"]["categories"]) if self.schema["task"] != "regression" else ()

    def predict(self, columns: Mapping[str, Any]) -> Answers:
        """Answers for columns of raw values: `label` and `probabilities` [N, classes], or `prediction` [N].

        Raises serving.inputs.InputError for columns that are not the schema's.
        """
        return dict(self.run(feeds(self.schema, columns)))


def open_package(folder: Path, trusted: Sequence[Ed25519PublicKey], threads: int | None = None,
                 digest: str | None = None) -> Package:
    """Verify a package and load its model on so many threads (those it was measured with, where none are given).

    digest: that of the package that must be here; a signature alone holds for any that its key ever signed.
    Raises PackageError for anything that is not as it was when a trusted key signed it.
    """
    manifest, key = verify(folder, trusted, digest)
    package = Package(folder, manifest, _sha256(_read(folder / MANIFEST)), key,
                      _open_model(folder / MODEL, threads or int(manifest["runtime"]["threads"])))
    replay(package)
    return package


def verify(
    folder: Path, trusted: Sequence[Ed25519PublicKey], digest: str | None = None
) -> tuple[dict[str, Any], str]:
    """The manifest of a package whose bytes are all as signed, and the id of the key; nothing is loaded."""
    names = _names(folder)
    content = _content_of(folder, MANIFEST, names)
    if digest is not None and (found := _sha256(content)) != digest:
        raise PackageError(f"{folder}: expected the package {digest}, found {found}: another one lies in its place. "
                           f"Put the right one back, or release again.")
    try:
        key = check(content, _content_of(folder, SIGNATURE, names), trusted)
    except SignatureError as problem:
        raise PackageError(f"{folder}: {problem}") from None
    manifest = _manifest(folder, content)
    _check_names(folder, names, manifest["files"])
    for name, entry in manifest["files"].items():
        _check_file(folder / name, entry)
    _check_graph(folder / MODEL)
    return manifest, key


def replay(package: Package) -> int:
    """Answer the golden rows and compare: the number of rows. Raises PackageError where they come out otherwise."""
    expected = json.loads(_read(package.folder / GOLDEN))
    try:
        problem = golden.difference(expected, package.predict(expected["columns"]))
    except (InputError, KeyError) as wrong:
        problem = f"cannot be answered: {wrong}"
    if problem:
        raise PackageError(f"{package.folder / GOLDEN}: {problem}. This machine, or this version of the runtime, "
                           f"computes otherwise than the one that packed it: run the project again here.")
    return golden.rows(expected)


def _names(folder: Path) -> set[str]:
    """The names in a folder of plain files; links, folders and devices are refused."""
    if not folder.is_dir():
        raise PackageError(f"{folder} is no folder; name the folder of a package, such as "
                           f"releases/PROJECT/TARGET/v1/package.")
    for path in folder.iterdir():
        if not stat.S_ISREG(path.lstat().st_mode):
            raise PackageError(f"{path} is no plain file. A package holds no links and no folders: fetch it again.")
    return {path.name for path in folder.iterdir()}


def _content_of(folder: Path, name: str, names: set[str]) -> bytes:
    if name not in names:
        raise PackageError(f"{folder} has no {name}: it is no package, or part of it is gone. Fetch it again.")
    return _read(folder / name)


def _manifest(folder: Path, content: bytes) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(content)  # a trusted key signed it, so it is what pack() writes
    if manifest.get("format") != FORMAT:
        raise PackageError(f"{folder / MANIFEST}: format {manifest.get('format')!r}; this version reads {FORMAT}. "
                           f"Open it with the version of farrier that wrote it.")
    return manifest


def _check_names(folder: Path, found: set[str], listed: Mapping[str, Any]) -> None:
    if set(listed) != CONTENTS:
        raise PackageError(f"{folder / MANIFEST}: lists {sorted(listed)}; a package holds {sorted(CONTENTS)}, "
                           f"nothing else.")
    if missing := sorted(CONTENTS - found):
        raise PackageError(f"{folder}: {', '.join(missing)} is missing. Fetch the package again.")
    if added := sorted(found - CONTENTS - {MANIFEST, SIGNATURE}):
        raise PackageError(f"{folder}: {', '.join(added)} is not in the manifest. Remove it, or fetch the package "
                           f"again.")


def _check_file(path: Path, entry: Mapping[str, Any]) -> None:
    content = _read(path)
    if len(content) != entry["size_bytes"]:
        raise PackageError(f"{path}: expected {entry['size_bytes']} bytes, found {len(content)}. "
                           f"Fetch the package again.")
    if (found := _sha256(content)) != entry["sha256"]:
        raise PackageError(f"{path}: expected sha256 {entry['sha256']}, found {found}: its bytes changed. "
                           f"Fetch the package again.")


def _check_graph(path: Path) -> None:
    try:
        if has_external_data(_read(path)):
            raise PackageError(f"{path}: its tensors lie in other files; pack a graph that holds all of them.")
    except GraphError as problem:
        raise PackageError(f"{path} is no ONNX graph: {problem}. Pack the model again.") from None


def _open_model(path: Path, threads: int) -> Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]:
    from serving.engines.onnxruntime import UnreadableGraph, open_graph

    try:
        return open_graph(path, threads)
    except UnreadableGraph as problem:
        raise PackageError(f"{path} does not load: {problem}. Pack the model again.") from problem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise PackageError(f"{path} cannot be read: {problem.strerror}. Check who owns it, "
                           f"and the disk.") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Open a package in a process that has nothing else in it: 0 when it holds, 1 and the reason when it does not."""
    parser = argparse.ArgumentParser("python -m serving.package", description="Open a package, replay its golden rows.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trusted", type=Path, action="append", default=[], help="PEM file of a trusted public key")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--digest", default=None, help="sha256 of the manifest of the package that must be here")
    asked = parser.parse_args(arguments)
    try:
        package = open_package(asked.folder, read_keys(asked.trusted), asked.threads, asked.digest)
        _refuse_heavy()
    except (PackageError, SignatureError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps({"digest": package.digest, "key": package.key, "golden_rows": replay(package)}))
    return 0


def _refuse_heavy() -> None:
    if loaded := [name for name in HEAVY if name in sys.modules]:
        raise PackageError(f"serving this package imported {', '.join(loaded)}; a release must answer without them.")


if __name__ == "__main__":
    sys.exit(main())
