"""What is wrong with a setting, in words: the file, the path, the value and the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from conf.layers import Layer
from tasks.records import masked


def explain(invalid: ValidationError, layers: list[Layer], model: type[BaseModel]) -> str:
    """One line for each error of a validation, as the person who wrote the setting would name it."""
    errors = invalid.errors()
    return "\n".join(_sentence(error, layers, model) for error in errors if not _follows(error, errors))


def _follows(error: Any, errors: Sequence[Any]) -> bool:
    """Whether a list is called too short only because something in it is wrong."""
    place = error["loc"]
    return error["type"] == "too_short" and any(e["loc"] != place == e["loc"][:len(place)] for e in errors)


def _sentence(error: Any, layers: list[Layer], model: type[BaseModel]) -> str:
    location = tuple(error["loc"])
    path = ".".join(str(part) for part in _without_tags(model, location))
    where = f"{_origin(_without_tags(model, location), layers)}: "
    value = masked(repr(error["input"]))
    if error["type"] == "extra_forbidden":
        return f"{where}{path} = {value} is not a known key.{_nearest(model, location)}"
    if error["type"] == "missing":
        return f"{where}{path} is missing"
    if error["type"] in ("model_type", "model_attributes_type"):
        known = ", ".join(_fields(_walk(model, location)))
        return f"{where}{path} = {value}: write a mapping of keys to values. Known here: {known}"
    return f"{where}{path} = {value}: {error['msg'].removeprefix('Value error, ')}"


def _nearest(model: type[BaseModel], location: tuple[Any, ...]) -> str:
    *parents, key = location
    known = _fields(_walk(model, tuple(parents)))
    near = difflib.get_close_matches(str(key), known, 1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else f" Known here: {', '.join(known)}"


def _origin(path: tuple[Any, ...], layers: list[Layer]) -> str:
    """The layer of highest precedence that says anything about a path."""
    for name, tree in reversed(layers):
        if _holds(tree, path):
            return name
    return layers[-1][0] if not path else next((name for name, tree in reversed(layers) if path[0] in tree), "settings")


def _holds(tree: Any, path: tuple[Any, ...]) -> bool:
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _walk(kind: Any, location: tuple[Any, ...]) -> Any:
    """The type at an error's location; a union's tag picks its member."""
    for part in location:
        kind = _step(kind, part)
    return kind


def _step(kind: Any, part: Any) -> Any:
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, BaseModel):
            if part in member.model_fields:
                return member.model_fields[part].annotation
            if _tag(member) == part:
                return member
        elif get_args(member) and isinstance(part, int):
            return get_args(member)[0]
        elif get_origin(member) is dict:
            return get_args(member)[1]
    return None


def _without_tags(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[Any, ...]:
    """A location as a person would write it: the tags of unions left out."""
    kept: list[Any] = []
    kind: Any = model
    for part in location:
        chosen = [m for m in _members(kind) if _tag(m) == part]
        is_field = any(part in getattr(m, "model_fields", {}) for m in _members(kind))
        if not chosen or is_field:
            kept.append(part)
        kind = _step(kind, part)
    return tuple(kept)


def _members(kind: Any) -> tuple[Any, ...]:
    """The types that an annotation allows, unions and Annotated taken apart."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) is Union or type(kind).__name__ == "UnionType":
        return tuple(m for arg in get_args(kind) for m in _members(arg))
    return (kind,)


def _tag(member: Any) -> Any:
    field = getattr(member, "model_fields", {}).get("kind")
    return field.default if field is not None else None


def _fields(kind: Any) -> list[str]:
    return sorted({name for member in _members(kind) for name in getattr(member, "model_fields", {})})
