"""The laws of every plug-in, whatever its kind."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tasks.plugins import Plugin
from tests.laws.stage import Stage, example


def its_kind_is_the_name_of_its_file(member: type[Plugin], stage: Stage, folder: Path) -> None:
    assert member.model_fields["kind"].default == Path(inspect.getfile(member)).stem


def it_has_a_docstring_of_its_own(member: type[Plugin], stage: Stage, folder: Path) -> None:
    first = (vars(member).get("__doc__") or "").strip().partition("\n")[0]
    assert re.fullmatch(r"[A-Z\d].{10,}[.:]", first), f"{member.__name__} has no docstring that begins with a sentence"


def its_options_explain_themselves(member: type[Plugin], stage: Stage, folder: Path) -> None:
    told = vars(member).get("__doc__") or ""
    silent = [name for name, field in member.model_fields.items()
              if not field.description and name not in told and _needs_words(field)]
    assert not silent, f"{member.__name__}.{silent[0]} does not explain itself: give it Field(description=…)"


def _needs_words(field: FieldInfo) -> bool:
    """Whether a default alone says too little: none at all, None, empty, or a bare share or rate."""
    return field.is_required() or field.default in (None, (), "") or isinstance(field.default, float)


def its_settings_survive_json(member: type[Plugin], stage: Stage, folder: Path) -> None:
    plugin = example(member, folder)
    assert member.model_validate(plugin.model_dump()) == plugin
    assert member.model_validate_json(plugin.canonical()) == plugin
    assert member.model_validate_json(plugin.canonical()).canonical() == plugin.canonical()
    assert plugin.options() == {name: value for name, value in plugin.model_dump(mode="json").items() if name != "kind"}


def its_settings_are_frozen(member: type[Plugin], stage: Stage, folder: Path) -> None:
    plugin = example(member, folder)
    assert hash(plugin) == hash(plugin.model_copy())  # a list or a dict among the fields could be changed, and fails
    for name in member.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(plugin, name, getattr(plugin, name))


def it_refuses_an_unknown_option(member: type[Plugin], stage: Stage, folder: Path) -> None:
    given: dict[str, Any] = example(member, folder).model_dump()
    with pytest.raises(ValidationError, match="an_option_that_nobody_has"):
        member.model_validate(given | {"an_option_that_nobody_has": 1})


def it_knows_no_other_of_its_kind(member: type[Plugin], stage: Stage, folder: Path) -> None:
    file = Path(inspect.getfile(member))
    base = next(parent for parent in member.__mro__ if parent.__module__.endswith("._base"))
    package = base.__module__.removesuffix("._base")
    others = {found for found in _imports(ast.parse(file.read_text())) if found.startswith(package)}
    assert all(found.startswith(base.__module__) for found in others), f"{file.name} imports {sorted(others)}"


def _imports(tree: ast.AST) -> set[str]:
    """The modules and names that a file imports anywhere, dotted."""
    nodes = list(ast.walk(tree))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    assert not any(node.level for node in nodes if isinstance(node, ast.ImportFrom)), "imports are absolute here"
    return plain | {f"{node.module}.{name.name}" for node in nodes if isinstance(node, ast.ImportFrom)
                    for name in node.names}


LAWS = (its_kind_is_the_name_of_its_file, it_has_a_docstring_of_its_own, its_options_explain_themselves,
        its_settings_survive_json, its_settings_are_frozen, it_refuses_an_unknown_option,
        it_knows_no_other_of_its_kind)
