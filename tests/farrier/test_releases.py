from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from farrier.releases import rollback, show
from tasks.deployment.releasing import current, release
from tasks.deployment.shelf import POINTER, shelf
from tasks.errors import DeploymentError, SettingsError
from tasks.store import Store

PLACE = ("shop", "cpu-server")


@pytest.fixture
def two(pack_one: Callable[..., Any]) -> None:
    """Two versions, the second one served."""
    for bias in (0.0, 0.1):
        packed = pack_one(bias)
        release(packed.package, verdict=packed.verdict, measurement=packed.measurement, store=Store())


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_nothing_released_says_how_to(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert show() == 0
    assert "Nothing is released yet" in capsys.readouterr().out
    assert show(json=True) == 0
    assert printed(capsys) == []


def test_what_is_served_is_listed(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    show("shop", json=True)
    (served,) = printed(capsys)
    assert (served["target"], served["version"]) == ("cpu-server", 2)
    show("digits", json=True)
    assert printed(capsys) == []
    show()
    assert "v2" in capsys.readouterr().out


def test_one_that_is_damaged_is_named_and_the_others_are_listed(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    (lost := shelf("shop", "cpu-tiny")).mkdir(parents=True)
    (lost / POINTER).write_text("no pointer")
    assert show(json=True) == 1
    said = capsys.readouterr()
    assert [release["target"] for release in json.loads(said.out)] == ["cpu-server"]
    assert f"{lost / POINTER} cannot be read" in said.err


def test_the_history_is_every_move(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    rollback("shop", yes=True)
    capsys.readouterr()
    show("shop", history=True, json=True)
    assert [(move["what"], move["version"]) for move in printed(capsys)] == [
        ("released", 1), ("released", 2), ("rolled back", 1)]
    show("shop", history=True)
    assert "rolled back" in capsys.readouterr().out


def test_a_rollback_moves_the_pointer(two: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert rollback("shop", yes=True, json=True) == 0
    assert printed(capsys)["version"] == 1
    assert current(*PLACE).version == 1
    assert rollback("shop", target="cpu-server", version=2, yes=True) == 0
    assert current(*PLACE).version == 2


def test_where_nobody_can_answer_nothing_moves(two: None, capsys: pytest.CaptureFixture[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert rollback("shop") == 1
    said = capsys.readouterr().err
    assert "from v2 (linear-keep) to v1" in said
    assert "releases rollback shop --target cpu-server --version 1 --yes" in said
    assert current(*PLACE).version == 2


@pytest.mark.parametrize(("answer", "code", "version"), [("y\n", 0, 1), ("\n", 1, 2), ("no\n", 1, 2)])
def test_a_person_is_asked(two: None, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, version: int) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert rollback("shop") == code
    assert current(*PLACE).version == version


def test_what_was_never_released_cannot_be_rolled_back(two: None) -> None:
    with pytest.raises(DeploymentError, match=r"nothing is released of digits .*shop for cpu-server"):
        rollback("digits", yes=True)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: show("shed"), "there is no project 'shed'; there are .*shop. To make one"),
    (lambda: show("shop", target="cpu-tinny"), "there is no target 'cpu-tinny'.* Did you mean cpu-tiny"),
    (lambda: show(target="gpu"), "there is no target 'gpu'; there are cpu-server, cpu-single-core, cpu-tiny"),
    (lambda: rollback("shed", yes=True), "there is no project 'shed'"),
    (lambda: rollback("shop", version=9, yes=True), "has no version 9; there are v1, v2"),
])
def test_a_word_that_names_nothing_is_a_mistake_in_the_words(two: None, call: Callable[[], int], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        call()
    assert current(*PLACE).version == 2
