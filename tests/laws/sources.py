"""The laws of sources."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.data.sources._base import Source
from tasks.errors import DataError
from tasks.store import sha256_of
from tests.laws.stage import Stage, example


def _collected(source: Source, folder: Path, name: str) -> Path:
    (place := folder / name).mkdir()
    return source.collect(place)


def it_gives_the_same_bytes_again(member: type[Source], stage: Stage, folder: Path) -> None:
    source = example(member, folder)
    first, again = (_collected(source, folder, name) for name in ("first", "again"))
    assert sha256_of(first) == sha256_of(again)
    assert source.identity() == source.model_copy().identity()


def it_writes_one_table_where_it_is_told(member: type[Source], stage: Stage, folder: Path) -> None:
    path = _collected(example(member, folder), folder, "there")
    assert [path] == list((folder / "there").iterdir())
    assert pq.read_table(path).num_rows > 0
    assert stage.store.fetch(stage.store.put(path)).read_bytes() == path.read_bytes()


def it_leaves_what_it_reads_alone(member: type[Source], stage: Stage, folder: Path) -> None:
    source = example(member, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    _collected(source, folder, "there")
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def its_identity_follows_what_it_reads(member: type[Source], stage: Stage, folder: Path) -> None:
    source = example(member, folder)
    before = source.identity()
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes() + b"\n")
        assert before is None or source.identity() != before, f"{file.name} changed, and the identity did not"


def it_says_which_file_is_at_fault(member: type[Source], stage: Stage, folder: Path) -> None:
    for harm in (lambda file: file.write_bytes(b""), Path.unlink):
        source = example(member, folder)
        for file in [path for path in folder.iterdir() if path.is_file()]:
            harm(file)
            with pytest.raises(DataError, match=file.name):
                _collected(source, folder, f"{file.name}-{harm.__name__.strip('<>')}")
            source = example(member, folder)


LAWS = (it_gives_the_same_bytes_again, it_writes_one_table_where_it_is_told, it_leaves_what_it_reads_alone,
        its_identity_follows_what_it_reads, it_says_which_file_is_at_fault)
