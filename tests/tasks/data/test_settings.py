from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.data.settings import DataSettings

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
    ({"expectations": [{"type": "x", "severity": "warn"}]}, "severity"),
])
def test_the_impossible_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**given)


def test_the_settings_survive_json() -> None:
    found = settings(split={"kind": "group", "column": "x0"}, columns={"x0": {"kind": "category"}})
    assert DataSettings.model_validate_json(found.model_dump_json()) == found
