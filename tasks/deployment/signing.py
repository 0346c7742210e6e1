"""Keys: the first run makes one that this machine trusts; a profile may name others instead.

FARRIER_HOME/keys/private.pem      signs what this machine packs; read and written by its owner only
FARRIER_HOME/keys/trusted/ID.pem   public keys; packages that they signed are served
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from filelock import FileLock

from serving.signature import SignatureError, key_id, read_keys
from tasks.errors import DeploymentError
from tasks.store import finished, home, whole_or_nothing


def keys_folder() -> Path:
    """Where the keys lie; others can neither list nor enter it."""
    folder = home() / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def signing_key() -> Ed25519PrivateKey:
    """This machine's key; made, and trusted here, when there is none.

    Raises DeploymentError for a key that others can read or that is no ed25519 key.
    """
    file = keys_folder() / "private.pem"
    with FileLock(keys_folder() / ".lock"):
        if not file.exists():
            _make(file)
        return _read(file)


def signer() -> str:
    """The id of the key that signs what this machine packs."""
    return key_id(signing_key().public_key())


def trusted_keys(named: Sequence[Path] = (), *, own: bool = True) -> tuple[Path, ...]:
    """The public keys that packages must be signed with: those named, or where `own` allows it all of this machine's.

    Raises DeploymentError for a named file that is not there, and where no key is left.
    """
    if gone := [str(path) for path in named if not path.is_file()]:
        raise DeploymentError(f"the trusted key {', '.join(gone)} is not there. Copy the public key of the machine "
                              f"that packs (FARRIER_HOME/keys/trusted) to that place, or name another.")
    if not named and not own:
        raise DeploymentError("no key is trusted: this profile trusts only those that deployment.trusted_keys names, "
                              "and it names none. Name the public key of the machine that packs.")
    return tuple(named) or tuple(finished(keys_folder() / "trusted", "*.pem"))


def require_trusted(named: Sequence[Path], *, own: bool) -> None:
    """Refuse a run on a machine whose packages would be refused at their release.

    Raises DeploymentError, with the setting that mends it, where this machine's key is not among those named.
    """
    key = signer()
    if (own and not named) or key in _ids(named):
        return
    what = f"which is not among {', '.join(map(str, named))}" if named else "and no key is named"
    paths = ", ".join(map(str, (*named, keys_folder() / "trusted" / f"{key}.pem")))
    raise DeploymentError(f"this machine signs with the key {key}, {what} in deployment.trusted_keys: nothing that it "
                          f"packs would be released. To trust it: export FARRIER__DEPLOYMENT__TRUSTED_KEYS='[{paths}]'")


def _ids(named: Sequence[Path]) -> set[str]:
    try:
        return {key_id(key) for key in read_keys(trusted_keys(named) if named else ())}
    except SignatureError as problem:
        raise DeploymentError(f"deployment.trusted_keys: {problem}") from None


def _make(file: Path) -> None:
    key = Ed25519PrivateKey.generate()
    trust(key.public_key())
    _write(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)


def trust(key: Ed25519PublicKey) -> Path:
    """Put a public key among those that this machine trusts."""
    file = keys_folder() / "trusted" / f"{key_id(key)}.pem"
    _write(file, key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), mode=0o644)
    return file


def _write(file: Path, content: bytes, *, mode: int) -> None:
    with whole_or_nothing(file) as partial:  # born with mode 0600, so a private key is never readable for a moment
        partial.write_bytes(content)
        partial.chmod(mode)


def _read(file: Path) -> Ed25519PrivateKey:
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise DeploymentError(f"{file} can be read by others (mode {file.stat().st_mode & 0o777:o}). "
                              f"Run: chmod 600 {file}; and make a new key if others use this machine.")
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise DeploymentError(f"{file} holds no private key ({problem}). Put it back from a copy, or remove it: "
                              f"the next run makes a new one.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise DeploymentError(f"{file} holds a {type(key).__name__}; packages are signed with ed25519.")
    return key
