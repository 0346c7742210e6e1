"""The laws that every plug-in obeys. A new one is held to them by being named in its kind's union, and nowhere else.

The laws stand in `tests/laws`, a file for each kind; what they play on, and the small examples, in its `stage.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.data import sources
from tasks.deployment import runtimes
from tasks.optimization import techniques
from tasks.plugins import Plugin
from tasks.processes import set_threads
from tasks.store import Store
from tasks.training import families
from tests.laws import everyone
from tests.laws import families as of_families
from tests.laws import runtimes as of_runtimes
from tests.laws import sources as of_sources
from tests.laws import techniques as of_techniques
from tests.laws.stage import Stage, example

Law = Callable[[type[Any], Stage, Path], None]


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in: its folder, its union, the name of its null, and the laws of its members."""

    folder: ModuleType
    union: Any
    null: str
    laws: tuple[Law, ...]

    @property
    def members(self) -> tuple[type[Plugin], ...]:
        return get_args(get_args(self.union)[0])

    @property
    def every_law(self) -> tuple[Law, ...]:
        return (*everyone.LAWS, *self.laws)


KINDS = {
    "source": Kind(sources, sources.AnySource, "synthetic", of_sources.LAWS),
    "family": Kind(families, families.AnyFamily, "constant", of_families.LAWS),
    "technique": Kind(techniques, techniques.AnyTechnique, "keep", of_techniques.LAWS),
    "runtime": Kind(runtimes, runtimes.AnyRuntime, "echo", of_runtimes.LAWS),
}
MEMBERS = [(kind, member) for kind in KINDS.values() for member in kind.members]


def name_of(member: type[Plugin]) -> str:
    return str(member.model_fields["kind"].default)


@pytest.fixture(scope="module")
def stage(shelf: Store, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    set_threads(1)  # fits of this size lose time to a second thread, and with it their bytes
    return Stage(shelf, tmp_path_factory.mktemp("stage"))


@pytest.mark.parametrize(("member", "law"), [
    pytest.param(member, law, id=f"{label}-{name_of(member)}-{law.__name__}")
    for label, kind in KINDS.items() for member in kind.members for law in kind.every_law])
def test_law(member: type[Plugin], law: Law, stage: Stage, tmp_path: Path) -> None:
    law(member, stage, tmp_path)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_kind_has_its_null(kind: Kind, tmp_path: Path) -> None:
    assert kind.null in {name_of(member) for member in kind.members}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_file_is_named_in_the_union(kind: Kind) -> None:
    files = {path.stem for path in Path(str(kind.folder.__file__)).parent.glob("[!_]*.py")}
    assert {name_of(member) for member in kind.members} == files


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_union_reads_each_member_and_nobody_else(kind: Kind, tmp_path: Path) -> None:
    adapter: TypeAdapter[Plugin] = TypeAdapter(kind.union)
    for member in kind.members:
        plugin = example(member, tmp_path)
        assert adapter.validate_json(plugin.canonical()) == plugin
    with pytest.raises(ValidationError, match=f"zebra.*{kind.null}"):
        adapter.validate_python({"kind": "zebra"})
