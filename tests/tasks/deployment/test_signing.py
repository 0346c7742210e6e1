from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from serving.signature import SignatureError, key_id, read_keys
from tasks.caching import by_content
from tasks.deployment.signing import keys_folder, require_trusted, signer, signing_key, trusted_keys
from tasks.deployment.steps import pack
from tasks.errors import DeploymentError
from tasks.store import Store


def test_the_first_use_makes_a_key_that_is_trusted_here(store: Store) -> None:
    key = signing_key().public_key()
    assert [key_id(trusted) for trusted in read_keys(trusted_keys())] == [key_id(key)]
    assert key_id(signing_key().public_key()) == key_id(key)


def test_only_the_owner_can_read_the_private_key(store: Store) -> None:
    signing_key()
    assert (keys_folder() / "private.pem").stat().st_mode & 0o777 == 0o600
    assert keys_folder().stat().st_mode & 0o077 == 0
    (keys_folder() / "private.pem").chmod(0o640)
    with pytest.raises(DeploymentError, match="can be read by others"):
        signing_key()


@pytest.mark.parametrize("content", [b"", b"no key", X25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())])
def test_a_file_without_a_key_that_signs_is_named(store: Store, content: bytes) -> None:
    file = keys_folder() / "private.pem"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(DeploymentError, match=r"private\.pem holds"):
        signing_key()


def test_named_keys_stand_in_place_of_this_machines(store: Store, tmp_path: Path) -> None:
    signing_key()
    named = tmp_path / "production.pem"
    named.write_bytes(trusted_keys()[0].read_bytes())
    assert trusted_keys([named]) == (named,)
    with pytest.raises(DeploymentError, match=r"absent\.pem is not there"):
        trusted_keys([tmp_path / "absent.pem"])


def test_this_machines_key_counts_only_where_it_may(store: Store) -> None:
    signing_key()
    with pytest.raises(DeploymentError, match=r"no key is trusted.*deployment\.trusted_keys"):
        trusted_keys(own=False)
    assert trusted_keys(trusted_keys(), own=False) == trusted_keys()


def test_a_run_that_could_not_release_is_refused_with_the_setting_that_mends_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"no key is named") as refused:
        require_trusted((), own=False)
    (made,) = (keys_folder() / "trusted").glob("*.pem")
    assert f"FARRIER__DEPLOYMENT__TRUSTED_KEYS='[{made}]'" in str(refused.value)
    require_trusted([made], own=False)
    require_trusted((), own=True)
    other = tmp_path / "other.pem"
    other.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(DeploymentError, match=r"no\.pem holds no public key"):
        require_trusted([tmp_path / "no.pem"], own=False)
    for own in (True, False):
        with pytest.raises(DeploymentError, match=f"{made.stem}, which is not among"):
            require_trusted([other], own=own)


def test_a_file_without_a_public_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("nothing")
    with pytest.raises(SignatureError, match=r"key\.pem holds no public key"):
        read_keys([tmp_path / "key.pem"])


def test_a_key_that_was_half_written_is_not_trusted(store: Store) -> None:
    signing_key()
    (keys_folder() / "trusted" / ".half-x1.pem").write_bytes(b"-----BEGIN")
    assert len(read_keys(trusted_keys())) == 1


def test_another_key_packs_anew(store: Store) -> None:
    """A package that is reused though its key is not trusted any more could not be released."""
    def cached() -> str:
        return by_content(SimpleNamespace(task=pack), {"key": signer()})

    first = cached()
    assert cached() == first
    (keys_folder() / "private.pem").unlink()
    assert cached() != first
