from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.errors import TrainingError
from tasks.training.folds import Fold


def test_a_fold_holds_typed_rows_and_their_targets(folds: dict[str, Fold]) -> None:
    mixed = folds["mixed"]
    assert list(mixed.train) == [column.name for column in mixed.schema.features]
    assert len(mixed.train) == len(mixed.train_target)
    assert len(mixed.validation) == len(mixed.validation_target)
    assert mixed.train_target.dtype == np.int64
    assert folds["prices"].train_target.dtype == np.float64


def test_one_class_only_is_an_error(folds: dict[str, Fold]) -> None:
    data = folds["cancer"]
    with pytest.raises(TrainingError, match="class 'malignant' of target 'target' has no row in the train split"):
        replace(data, train_target=np.zeros_like(data.train_target)).check()


def test_no_rows_are_an_error(folds: dict[str, Fold]) -> None:
    data = folds["cancer"]
    with pytest.raises(TrainingError, match="and 0 validation rows: both need rows"):
        replace(data, validation=data.validation.iloc[:0]).check()


def test_a_target_that_is_no_number_is_an_error(folds: dict[str, Fold]) -> None:
    data = folds["prices"]
    with pytest.raises(TrainingError, match="target 'price' holds values that are not finite"):
        replace(data, train_target=np.full_like(data.train_target, np.inf)).check()
