from __future__ import annotations

import pytest

from farrier.trust import trusted
from tasks.deployment.signing import signing_key, trusted_keys
from tasks.errors import DeploymentError, SettingsError
from tasks.store import Store


def test_commands_believe_what_the_profile_believes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    signing_key()
    (own,) = trusted_keys()
    assert trusted("digits", ()) == (own,)
    monkeypatch.setenv("FARRIER_PROFILE", "production")
    with pytest.raises(DeploymentError, match="no key is trusted"):
        trusted("digits", ())
    with pytest.raises(DeploymentError, match="no key is trusted"):
        trusted(None, ())  # as where a folder is verified
    monkeypatch.setenv("FARRIER__DEPLOYMENT__TRUSTED_KYS", "[]")
    with pytest.raises(SettingsError, match=r"the environment: trusted_kys = .* Did you mean trusted_keys"):
        trusted(None, ())
    monkeypatch.delenv("FARRIER__DEPLOYMENT__TRUSTED_KYS")
    assert trusted("digits", (own,)) == (own,)
    monkeypatch.setenv("FARRIER__DEPLOYMENT__TRUSTED_KEYS", f"[{own}]")
    assert trusted("digits", ()) == (own,)
