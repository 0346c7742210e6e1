"""Who made a package: an ed25519 signature over the manifest's bytes, and the public keys that are trusted.

The signature file is checked byte for byte against the only text it may have, so a changed space is a changed file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

ALGORITHM = "ed25519"


class SignatureError(Exception):
    """A signature that does not hold, or a key that cannot be read."""


def key_id(key: Ed25519PublicKey) -> str:
    """A key's short name: the first 16 hexadecimal digits of its raw bytes' sha256."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def read_keys(paths: Iterable[Path]) -> tuple[Ed25519PublicKey, ...]:
    """The public keys in PEM files. Raises SignatureError for a file that holds none."""
    return tuple(_read_key(path) for path in paths)


def sign(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signature file for some bytes."""
    return _text(key_id(key.public_key()), key.sign(content))


def check(content: bytes, signature: bytes, trusted: Sequence[Ed25519PublicKey]) -> str:
    """The id of the trusted key that signed `content`. Raises SignatureError where none did."""
    name, raw = _read(signature)
    for key in trusted:
        if key_id(key) == name:
            _verify(key, raw, content)
            return name
    known = ", ".join(key_id(key) for key in trusted) or "none"
    raise SignatureError(f"signed by the key {name}, which is not trusted (trusted: {known}). "
                         f"Add its public key to the trusted ones if you know whose it is.")


def _verify(key: Ed25519PublicKey, raw: bytes, content: bytes) -> None:
    try:
        key.verify(raw, content)
    except InvalidSignature:
        raise SignatureError(f"the signature by {key_id(key)} does not fit: what was signed has changed since. "
                             f"Fetch the package again.") from None


def _read(signature: bytes) -> tuple[str, bytes]:
    try:
        fields = json.loads(signature)
        name, raw = str(fields["key"]), base64.b64decode(fields["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise SignatureError("the signature file cannot be read. Fetch the package again.") from None
    if _text(name, raw) != signature:
        raise SignatureError("the signature file is not what signing writes. Fetch the package again.")
    return name, raw


def _text(name: str, raw: bytes) -> bytes:
    fields = {"algorithm": ALGORITHM, "key": name, "signature": base64.b64encode(raw).decode()}
    return (json.dumps(fields, indent=1, sort_keys=True) + "\n").encode()


def _read_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as problem:
        raise SignatureError(f"{path} holds no public key: {problem}. Name a PEM file with an ed25519 key.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(f"{path} holds a {type(key).__name__}; an ed25519 key is needed.")
    return key
