"""The page on plug-ins tells the truth: each of its examples runs, and obeys the laws that the page speaks of."""

from __future__ import annotations

import inspect
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter

from tasks.plugins import Plugin
from tasks.store import CHECKOUT
from tests.contracts import KINDS, Kind, Law, stage  # noqa: F401  stage is a fixture
from tests.laws import stage as staged
from tests.laws.stage import Stage, example

PAGE = (CHECKOUT / "docs" / "extending.md").read_text()
PATH = re.compile(r"# (\S+\.py)\n")
BLOCKS = {match.group(1): block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
          if (match := PATH.match(block))}
LINES = re.findall(r"`(tasks/\S+/__init__\.py)`[^\n]*\n\n```diff\n-(.*)\n\+(.*)\n```", PAGE)
KIND_OF = {str(Path(str(kind.folder.__file__)).parent.relative_to(CHECKOUT)): kind for kind in KINDS.values()}


def kind_of(path: str) -> Kind:
    return KIND_OF[str(Path(path).parent)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, type[Plugin]]]:
    """The class of each example, from a file of the name that the page gives it."""
    folder, before = tmp_path_factory.mktemp("shown"), dict(staged.EXAMPLES)
    classes = {path: _class_in(path, block, folder) for path, block in BLOCKS.items()}
    staged.EXAMPLES[classes["tasks/data/sources/sqlite.py"]] = _database
    yield classes
    staged.EXAMPLES.clear()
    staged.EXAMPLES.update(before)


def _class_in(path: str, block: str, folder: Path) -> type[Plugin]:
    (file := folder / Path(path).name).write_text(block)
    spec = spec_from_file_location(path.removesuffix(".py").replace("/", "."), file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    (found,) = [one for _, one in inspect.getmembers(module, inspect.isclass)
                if issubclass(one, Plugin) and one.__module__ == spec.name]
    return found


def _database(folder: Path) -> Plugin:
    (folder / "rows.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / "rows.db")) as database:
        database.execute("create table rows (size real, city text)")
        database.executemany("insert into rows values (?, ?)", [(1.5, "Bern"), (None, None), (3.0, "Zug")])
        database.commit()
    made: Plugin = sys.modules["tasks.data.sources.sqlite"].Sqlite(path=str(folder / "rows.db"))
    return made


def test_each_kind_is_shown() -> None:
    assert {kind_of(path).null for path in BLOCKS} == {kind.null for kind in KINDS.values()}
    assert len(BLOCKS) == PAGE.count("```python") == len(LINES) == PAGE.count("```diff")


@pytest.mark.parametrize(("path", "law"), [
    pytest.param(path, law, id=f"{Path(path).stem}-{law.__name__}")
    for path in BLOCKS for law in kind_of(path).every_law])
def test_an_example_obeys(path: str, law: Law, shown: dict[str, type[Plugin]], stage: Stage,  # noqa: F811
                          tmp_path: Path) -> None:
    law(shown[path], stage, tmp_path)


@pytest.mark.parametrize("path", BLOCKS)
def test_a_union_that_names_it_reads_it(path: str, shown: dict[str, type[Plugin]], tmp_path: Path) -> None:
    members = (*kind_of(path).members, shown[path])
    union = Annotated[members[0] | members[1] | members[2] | members[3] | members[-1], Field(discriminator="kind")]
    plugin = example(shown[path], tmp_path)
    assert TypeAdapter(union).validate_json(plugin.canonical()) == plugin


@pytest.mark.parametrize(("file", "before", "after"), LINES)
def test_the_line_is_the_one_that_stands_there(file: str, before: str, after: str,
                                               shown: dict[str, type[Plugin]]) -> None:
    assert before in (CHECKOUT / file).read_text().splitlines()
    (name,) = set(re.findall(r"\w+", after)) - set(re.findall(r"\w+", before))
    assert name in {one.__name__ for path, one in shown.items() if str(Path(path).parent) == str(Path(file).parent)}
