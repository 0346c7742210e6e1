from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.deployment.settings import DeploymentSettings, Margin


@pytest.mark.parametrize("fields", [{}, {"drop": 0.01, "relative": 0.01}, {"drop": 0}, {"relative": 1}, {"drop": -1}])
def test_a_margin_is_one_thing_and_positive(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Margin(**fields)


def test_a_relative_margin_is_a_share_of_the_champions_score() -> None:
    assert Margin(relative=0.01).of(0.98) == pytest.approx(0.0098)
    assert Margin(relative=0.01).of(-0.5) == pytest.approx(0.005)
    assert Margin(drop=0.02).of(0.98) == 0.02


@pytest.mark.parametrize("fields", [{"level": 0.5}, {"level": 1}, {"power": 0}, {"rule": "cheapest"}, {"rule_": "x"}])
def test_impossible_settings_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DeploymentSettings.model_validate(fields)
