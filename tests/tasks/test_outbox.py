"""What waits is delivered in order, whatever else lies in the folder; what cannot be delivered is put aside."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tasks.entries import Entry
from tasks.errors import StoreFull, TrackingRefused, TrackingUnavailable
from tasks.outbox import Outbox, outboxes
from tasks.store import CHECKOUT, Store, state


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return Outbox(state("outbox", "here"))


def entry(key: str) -> Entry:
    return Entry(key=key, experiment="project", name=key)


class Taker:
    """Takes entries, but for those whose key is in the table of what it raises."""

    def __init__(self, **raises: Exception) -> None:
        self.raises, self.taken = raises, []

    def __call__(self, one: Entry) -> None:
        if one.key in self.raises:
            raise self.raises[one.key]
        self.taken.append(one.key)


def test_entries_leave_in_the_order_they_came(outbox: Outbox) -> None:
    taker = Taker()
    for key in "abc":
        outbox.keep(entry(key))
    assert outbox.deliver(taker) == 0
    assert taker.taken == ["a", "b", "c"]
    assert outbox.waiting() == []


def test_what_waits_keeps_its_order_behind_a_server_that_is_away(outbox: Outbox) -> None:
    for key in "abc":
        outbox.keep(entry(key))
    assert outbox.deliver(Taker(b=TrackingUnavailable())) == 2
    later = Taker()
    assert outbox.deliver(later) == 0
    assert later.taken == ["b", "c"]


WRITE_AND_DIE = """
import os, signal
from pathlib import Path
from tasks.store import whole_or_nothing
with whole_or_nothing(Path({file!r})) as partial:
    partial.write_text('{{"key": "ha')
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_entry_that_was_half_written_when_its_writer_was_killed_harms_nobody(outbox: Outbox) -> None:
    killed = subprocess.run([sys.executable, "-c", WRITE_AND_DIE.format(file=str(outbox.folder / "0.json"))],
                            cwd=CHECKOUT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(outbox.folder.glob(".0-*.json"))
    taker = Taker()
    outbox.keep(entry("whole"))
    assert outbox.deliver(taker) == 0
    assert taker.taken == ["whole"]
    assert outbox.refused() == []


def test_a_refused_entry_is_put_aside_named_once_and_those_behind_it_go_on(outbox: Outbox) -> None:
    for key in ("good", "bad", "behind"):
        outbox.keep(entry(key))
    taker = Taker(bad=ValueError("no such metric"))
    with pytest.raises(TrackingRefused, match=r"refused/.*\.json: ValueError: no such metric"):
        outbox.deliver(taker)
    assert taker.taken == ["good", "behind"]
    (aside,) = outbox.refused()
    assert Entry.model_validate_json(aside.read_bytes()) == entry("bad")
    outbox.keep(entry("later"))
    assert outbox.deliver(taker) == 0, "it is raised once"
    assert taker.taken == ["good", "behind", "later"]


def test_a_file_that_is_no_entry_is_put_aside_without_stopping_anybody(outbox: Outbox) -> None:
    (outbox.folder / "0.json").write_bytes(b'{"key": \xff')
    taker = Taker()
    outbox.keep(entry("whole"))
    assert outbox.deliver(taker) == 0
    assert taker.taken == ["whole"]
    assert [file.name for file in outbox.refused()] == ["0.json"]


def test_who_kept_an_entry_hears_of_its_refusal_though_another_process_delivered_it(outbox: Outbox) -> None:
    outbox.keep(entry("bad"))
    other = Outbox(outbox.folder)
    assert other.deliver(Taker(bad=ValueError("no"))) == 0
    with pytest.raises(TrackingRefused, match="ValueError: no"):
        outbox.deliver(Taker())


def test_a_full_disk_is_no_refusal(outbox: Outbox) -> None:
    outbox.keep(entry("a"))
    with pytest.raises(StoreFull):
        outbox.deliver(Taker(a=OSError(28, "No space left on device")))
    assert len(outbox.waiting()) == 1
    assert outbox.refused() == []


def test_every_outbox_of_a_home_is_listed(outbox: Outbox) -> None:
    assert [box.folder for box in outboxes()] == [outbox.folder]


def test_an_outbox_says_whose_it_is(store: Store) -> None:
    Outbox(state("outbox", "there"), "http://mlflow.example").keep(entry("a"))
    assert [box.server for box in outboxes()] == ["http://mlflow.example"]
