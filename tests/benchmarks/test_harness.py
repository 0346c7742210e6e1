"""A bar that is missed, or not measured, is never said to hold."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from types import ModuleType

import pytest

from tasks.store import CHECKOUT


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    """The module by its path: benchmarks are run from a checkout and not installed."""
    spec = importlib.util.spec_from_file_location("harness", CHECKOUT / "benchmarks" / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["harness"] = module  # where dataclasses look for their own types
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("figure", "holds"), [
    ({"value": 5, "bar": 4}, True),
    ({"value": 3, "bar": 4}, False),
    ({"value": 5, "bar": 4, "at_most": True}, False),
    ({"value": 5, "low": 3, "high": 7, "bar": 4}, False),
    ({"value": 5, "low": 3, "high": 7, "bar": 6, "at_most": True}, False),
    ({"value": 5, "low": 3, "high": 7, "bar": 7, "at_most": True}, True),
    ({"value": math.nan, "bar": 4}, False),
    ({"value": math.inf, "bar": 4}, False),
    ({"value": 5}, None),
])
def test_a_bar_holds_at_the_worse_end(harness: ModuleType, figure: dict[str, float], holds: bool | None) -> None:
    assert harness.Figure("x", **figure).holds is holds


@pytest.mark.parametrize(("value", "code"), [(5.0, 0), (3.0, 1), (math.nan, 1)])
def test_the_exit_code_and_the_last_line_say_so(harness: ModuleType, value: float, code: int,
                                                capsys: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--quick"])
    with pytest.raises(SystemExit) as left:
        harness.run("x", lambda quick: (f"quick is {quick}", [harness.Figure("speed", value, "/s", bar=4)]))
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert left.value.code == code
    assert printed["holds"] is (code == 0)
    assert printed["on"] == "quick is True"
    assert printed["machine"]["cores"] >= 1
