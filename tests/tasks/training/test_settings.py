from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.training.settings import TrainingSettings


@pytest.mark.parametrize(("bad", "says"), [
    ({"primary": "acuracy"}, "metric 'acuracy' is not known. Known are accuracy"),
    ({"families": [{"kind": "linear"}, {"kind": "linear", "iterations": 5}]}, "linear stands twice"),
    ({"families": [{"kind": "svm"}]}, "'linear', 'forest', 'boosting', 'mlp', 'cnn'"),
    ({"families": []}, "at least 1 item"),
    ({"families": [{"kind": "mlp", "trials": 0}]}, "greater than or equal to 1"),
    ({"device": "tpu"}, "'auto', 'cpu' or 'cuda'"),
])
def test_what_is_impossible_is_refused(bad: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TrainingSettings.model_validate(bad)


def test_settings_survive_their_json() -> None:
    settings = TrainingSettings()
    assert TrainingSettings.model_validate_json(settings.model_dump_json()) == settings
