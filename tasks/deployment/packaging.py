"""A selected candidate becomes a package: a signed folder that holds everything needed to serve it and to judge it.

The same candidate, measured and judged the same, always gives the same manifest, so the package's digest is stable:
no date and no place on a disk is written into it.
"""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from serving.package import CARD, CONTENTS, FORMAT, GOLDEN, MANIFEST, MODEL, PROFILE, SIGNATURE, PackageError, verify
from serving.signature import sign
from tasks.deployment.card import card
from tasks.deployment.certification import outcome_of
from tasks.deployment.golden import golden_rows
from tasks.deployment.runtimes import NEVER
from tasks.deployment.signing import signing_key
from tasks.deployment.target import Target, threads_of
from tasks.errors import DeploymentError
from tasks.records import Artifact, Candidate, Json, Measurement, PreparedData, Record, Verdict, digest_of
from tasks.store import Store, sha256_of


class Lineage(Record):
    """Where a package comes from, as far as its own records don't say."""

    project: str
    commit: str = Field(description="of the code; with a mark where the checkout had changes")
    settings: str = Field(description="digest of the settings")
    run: str = Field("", description="the MLflow run that packs; the same package keeps the run that packed it first")


def pack(candidate: Candidate, built: Artifact, target: Target, measurement: Measurement, verdict: Verdict,
         prepared: PreparedData, lineage: Lineage, store: Store) -> Artifact:
    """Write, sign and keep the package of a candidate for a target: a folder, known by its manifest's digest.

    Raises DeploymentError for a model that cannot be packed, a verdict other than pass, and for numbers that are not
    this candidate's.
    """
    if not target.runtime.releasable:
        raise DeploymentError(f"{candidate.name} for {target.name} runs in {target.runtime.kind}, {NEVER}.")
    if outcome_of((verdict.overall, *verdict.slices)) != "pass" or verdict.outcome != "pass":
        raise DeploymentError(f"{candidate.name} is not packed: its verdict is {verdict.outcome}, and only what may be "
                              f"released is.")
    _refuse_mixed(candidate, target, measurement, verdict)
    key = signing_key()
    with store.scratch() as scratch:
        folder = scratch / "package"
        folder.mkdir()
        shutil.copyfile(_graph(built, store), folder / MODEL)
        shutil.copyfile(store.fetch(prepared.profile), folder / PROFILE)
        tolerance, threads = target.runtime.tolerance, threads_of(target)
        _write_json(folder / GOLDEN, golden_rows(folder / MODEL, prepared, threads, tolerance, store))
        facts = {"format": FORMAT, **_made(candidate, prepared, lineage), **_shown(target, measurement, verdict)}
        (folder / CARD).write_text(card(facts), encoding="utf-8")
        _seal(folder, facts, key)
        return _keep(folder, _identity(folder, facts), key, store)


def as_packed(record: Measurement | Verdict) -> dict[str, Any]:
    """A record as the manifest has it: what is only of use to the run that made it is left out."""
    return record.model_dump(mode="json", exclude={"answers", "rounds"})


def artifact_of(folder: Path) -> Artifact:
    """The reference to a package: its folder, its manifest's digest, the bytes of all its files."""
    return Artifact(uri=folder.as_uri(), sha256=sha256_of(folder / MANIFEST),
                    size_bytes=sum(file.stat().st_size for file in folder.iterdir()))


def settle(folder: Path) -> None:
    """Wait until a folder and its files are on the disk, so that a rename after this names whole files."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refuse_mixed(candidate: Candidate, target: Target, measurement: Measurement, verdict: Verdict) -> None:
    names = {candidate.name, measurement.candidate, verdict.candidate}
    if len(names) > 1 or measurement.target != target.name:
        raise DeploymentError(f"the candidate {candidate.name} for {target.name} came with a measurement of "
                              f"{measurement.candidate} on {measurement.target} and a verdict on {verdict.candidate}; "
                              f"a package holds one candidate's own numbers.")


def _graph(built: Artifact, store: Store) -> Path:
    path = store.fetch(built)
    if path.suffix != ".onnx":
        raise DeploymentError(f"{path.name} cannot be packed: a package holds an ONNX graph. "
                              f"Choose a target whose runtime is onnxruntime.")
    return path


def _made(candidate: Candidate, prepared: PreparedData, lineage: Lineage) -> dict[str, Any]:
    """What the package holds and where it came from: plain data, nothing that changes when nothing else does."""
    return {
        "project": lineage.project,
        "candidate": candidate.name,
        "family": candidate.family,
        "schema": prepared.data_schema.model_dump(mode="json"),
        "recipe": {"name": candidate.recipe.name, "start": candidate.recipe.start,
                   "chain": candidate.recipe.techniques, "digest": candidate.recipe.digest()},
        "parity": candidate.parity.model_dump(mode="json"),
        "rows": prepared.rows.model_dump(mode="json"),
        "lineage": _lineage(candidate, prepared, lineage),
    }


def _shown(target: Target, measurement: Measurement, verdict: Verdict) -> dict[str, Any]:
    """What it runs on and what it was shown to do there."""
    return {
        "target": target.name,
        "runtime": {"kind": target.runtime.kind, "threads": threads_of(target),
                    "versions": {"onnxruntime": version("onnxruntime")}},
        "measurement": as_packed(measurement),
        "verdict": as_packed(verdict),
        "budgets": target.budgets.model_dump(mode="json"),
    }


def _lineage(candidate: Candidate, prepared: PreparedData, lineage: Lineage) -> dict[str, Json]:
    return {"data": prepared.snapshot.sha256, "commit": lineage.commit, "settings": lineage.settings,
            "run": lineage.run, "parent": candidate.parent, "model": candidate.model.artifact.sha256}


def _seal(folder: Path, facts: dict[str, Any], key: Ed25519PrivateKey) -> None:
    files = {name: {"sha256": sha256_of(folder / name), "size_bytes": (folder / name).stat().st_size}
             for name in sorted(CONTENTS)}
    _write_json(folder / MANIFEST, {**facts, "files": files})
    (folder / SIGNATURE).write_bytes(sign((folder / MANIFEST).read_bytes(), key))


def _identity(folder: Path, facts: dict[str, Any]) -> str:
    """What makes a package this one: all but the run that happened to pack it, and the card, which repeats the rest."""
    lineage = {name: value for name, value in facts["lineage"].items() if name != "run"}
    files = {name: sha256_of(folder / name) for name in CONTENTS - {CARD}}
    return digest_of({**facts, "lineage": lineage, "files": files})


def _keep(folder: Path, identity: str, key: Ed25519PrivateKey, store: Store) -> Artifact:
    """Keep a package once: packed again by another run, it stays the one that it was, with its first run."""
    place = store.root / "packages" / identity
    if not _holds(place, key):
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        settle(folder)
        folder.replace(place)
    return artifact_of(place)


def _holds(place: Path, key: Ed25519PrivateKey) -> bool:
    """Whether a package that was kept before is whole and signed by this key."""
    try:
        return place.exists() and verify(place, [key.public_key()]) is not None
    except PackageError:
        return False


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
