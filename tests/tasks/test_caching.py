"""A cached result is reused for the same content only: not for other bytes, settings, code or versions."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tasks import caching
from tasks.caching import by_content, code_digest, content, step
from tasks.records import Artifact, Budgets


@step(name="count")
def count(budgets: Budgets, _remark: str = "") -> int:
    return budgets.size_bytes or 0


count.fn.__module__ = "tasks.data.steps"


def key(**parameters: object) -> str:
    return by_content(SimpleNamespace(task=count), parameters)


def artifact(uri: str, digit: str) -> Artifact:
    return Artifact(uri=uri, sha256=digit * 64, size_bytes=1)


def test_where_an_artifact_lies_does_not_matter_and_its_bytes_do() -> None:
    assert key(a=artifact("file:///here", "1")) == key(a=artifact("file:///there", "1"))
    assert key(a=artifact("file:///here", "1")) != key(a=artifact("file:///here", "2"))
    assert content((artifact("x", "1"), {"b": Budgets()}))[0] == "1" * 64


def test_settings_count_and_remarks_do_not() -> None:
    assert key(budgets=Budgets(size_bytes=1)) != key(budgets=Budgets(size_bytes=2))
    assert key(budgets=Budgets(), _remark="a") == key(budgets=Budgets(), _remark="b")


def test_a_stage_depends_on_its_own_code_and_on_the_stages_below(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for folder in ("tasks/data", "tasks/training", "serving"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.py").write_text("a = 1")
    (tmp_path / "requirements.lock").write_text("torch==1")
    monkeypatch.setattr(caching, "CHECKOUT", tmp_path)

    def digests() -> list[str]:
        code_digest.cache_clear()
        return [code_digest("data"), code_digest("training")]

    before = digests()
    (tmp_path / "tasks/training/x.py").write_text("a = 2")
    own = digests()
    (tmp_path / "requirements.lock").write_text("torch==2")
    versions = digests()
    monkeypatch.setattr(caching, "version", lambda name: f"another {name}")
    builds = digests()
    code_digest.cache_clear()
    assert own[0] == before[0]
    assert own[1] != before[1]
    assert versions[0] != own[0]
    assert builds[0] != versions[0]
