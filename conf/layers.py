"""Where settings come from: YAML files, the command line, the environment; and how one is laid on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import SettingsError
from tasks.store import CHECKOUT

PREFIX = "FARRIER__"
Tree = dict[str, Any]
Layer = tuple[str, Tree]


def merge(base: Tree, over: Mapping[str, Any]) -> Tree:
    """`over` laid on `base`: mappings are merged, everything else is replaced. A change of `kind` starts afresh.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping) and _alike(old, value):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def _alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether both describe the same kind of thing, or one does not say, so that one may be laid on the other."""
    return "kind" not in old or "kind" not in new or bool(new["kind"] == old["kind"])


def read_yaml(file: Path) -> Tree:
    """A YAML file's mapping; an empty file is an empty mapping."""
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as invalid:
        raise SettingsError(f"{shown(file)} is not valid YAML: {invalid}") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{shown(file)} cannot be read: {problem}. Write it as UTF-8 text, readable for "
                            f"you.") from None
    if not isinstance(tree, dict | None):
        raise SettingsError(f"{shown(file)} must be a mapping of keys to values, not a {type(tree).__name__}")
    return tree or {}


def from_option(text: str) -> Tree:
    """What `-o key=value` says; the value is YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SettingsError(f"-o {text}: write it as key=value, for example -o training.seed=7")
    return _nest(path.strip().split("."), value)


def from_environment(variables: Mapping[str, str]) -> Tree:
    """What FARRIER__STAGE__KEY=value variables say; the values are YAML."""
    tree: Tree = {}
    for name in sorted(variables):
        if name.startswith(PREFIX):
            tree = merge(tree, _nest(name.removeprefix(PREFIX).lower().split("__"), variables[name]))
    return tree


def _nest(path: Sequence[str], text: str) -> Tree:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def shown(file: Path) -> str:
    """A path as a reader knows it: from the checkout where it lies inside."""
    return str(file.relative_to(CHECKOUT)) if file.is_relative_to(CHECKOUT) else str(file)
