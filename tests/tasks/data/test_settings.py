from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.data.settings import ColumnSettings, DataSettings

SOURCE = {"kind": "synthetic"}


def settings(**given: object) -> DataSettings:
    return DataSettings.model_validate({"source": SOURCE, **given})


def test_a_column_is_found_by_name_then_by_pattern() -> None:
    found = settings(columns={"pixel_*": {"high": 16}, "pixel_0_0": {"high": 1}})
    assert found.column("pixel_0_0").high == 1
    assert found.column("pixel_0_1").high == 16
    assert found.column("other").high is None


def test_patterns_ignore() -> None:
    found = settings(ignore=["note_*"])
    assert found.ignores("note_1")
    assert not found.ignores("notes")


@pytest.mark.parametrize(("given", "said"), [
    ({"input": "image"}, "an image needs"),
    ({"shape": [8, 8]}, "an image needs"),
    ({"ignore": ["target"]}, "'target' is ignored and needed"),
    ({"ignore": ["t*"], "target": "y", "split": {"kind": "time", "column": "time"}}, "'time' is ignored and needed"),
    ({"split": {"kind": "random"}}, "random"),
    ({"task": "regression", "columns": {"target": {"categories": ["a", "b"]}}}, "declared a category"),
    ({"task": "binary", "columns": {"t*": {"low": 0}}}, "declared a number"),
    ({"expectations": [{"type": "x", "severity": "warn"}]}, "severity"),
])
def test_the_impossible_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**given)


@pytest.mark.parametrize(("declared", "kind"), [
    ({"low": 0}, "number"),
    ({"high": 1}, "number"),
    ({"categories": ["a"]}, "category"),
    ({"format": "%d.%m.%Y"}, "time"),
    ({"kind": "identifier"}, "identifier"),
    ({"nullable": False}, None),
])
def test_a_law_tells_the_kind(declared: dict[str, object], kind: str | None) -> None:
    assert ColumnSettings.model_validate(declared).states == kind


@pytest.mark.parametrize(("declared", "said"), [
    ({"kind": "category", "low": 0}, "kind category takes no low, which is for kind number"),
    ({"kind": "number", "categories": ["1"]}, "kind number takes no categories, which is for kind category"),
    ({"kind": "identifier", "format": "%Y"}, "kind identifier takes no format, which is for kind time"),
    ({"categories": ["1"], "high": 3}, "kind number takes no categories"),
    ({"low": 2, "high": 1}, "low 2 is above high 1"),
])
def test_laws_of_two_kinds_are_refused(declared: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ColumnSettings.model_validate(declared)


def test_the_settings_survive_json() -> None:
    found = settings(split={"kind": "group", "column": "x0"}, columns={"x0": {"kind": "category"}})
    assert DataSettings.model_validate_json(found.model_dump_json()) == found
