"""Fit, ask, keep and load scikit-learn pipelines: from the typed frame to the answer.

A kept pipeline is a skops file, normalized: skops names its members by memory address and dates them, and numpy writes
the gaps between a record's fields as they lie in memory. Here members are named by their content and dated alike, and
gaps are zeros, so that equal models are equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tasks.data import preparation
from tasks.errors import TrainingError
from tasks.records import Schema
from tasks.training.folds import Fitted, Fold

TRUSTED = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
TREE = "schema.json"  # where skops says what the object is made of
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


def fit_pipeline(estimator: Any, data: Fold, *, watched: bool = False) -> Fitted:
    """A pipeline of the data's own transformer and the estimator, fitted to the train rows.

    watched: the estimator looks at the validation rows while it learns, to stop when they gain no more.
    Raises TrainingError where the estimator refuses its hyper-parameters or the rows.
    """
    from joblib import parallel_config  # type: ignore[import-untyped]
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import Pipeline

    prepare = preparation.transformer(data.schema)
    try:
        with warnings.catch_warnings(), parallel_config("threading", n_jobs=_threads()):
            warnings.simplefilter("ignore", ConvergenceWarning)  # validation judges the fit, converged or not
            rows = prepare.fit_transform(data.train)
            estimator.fit(rows, data.train_target, **_weighed(data), **(_watched(prepare, data) if watched else {}))
    except ValueError as problem:
        raise TrainingError(f"{type(estimator).__name__} cannot be fitted: {problem}") from problem
    if watched:
        _cut(estimator)
    pipeline = Pipeline([("prepare", prepare), ("model", estimator)])
    return Fitted("sklearn", pipeline, None, ask(pipeline, data.validation, data.schema))


def _cut(boosting: Any) -> None:
    """Cut a boosting model after its best iteration by validation: it stops some that brought nothing later."""
    best = max(1, int(np.argmax(boosting.validation_score_)))  # the first score is of no tree at all
    boosting._predictors = boosting._predictors[:best]  # noqa: SLF001  no public way to cut it


def _weighed(data: Fold) -> dict[str, Any]:
    weights = data.class_weights
    return {} if weights is None else {"sample_weight": weights[data.train_target]}


def _watched(prepare: Any, data: Fold) -> dict[str, Any]:
    """The validation rows as scikit-learn's boosting takes them."""
    weights = data.class_weights
    heavy = {} if weights is None else {"sample_weight_val": weights[data.validation_target]}
    return {"X_val": prepare.transform(data.validation), "y_val": data.validation_target, **heavy}


def _threads() -> int:
    """What this process was held to. Answers stay on one thread: trees summed in any order differ in the last bit."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def ask(pipeline: Any, frame: DataFrame, schema: Schema) -> NDArray[np.float32]:
    """A pipeline's answers for a typed frame: probabilities (rows, classes) or predictions (rows,)."""
    answer = pipeline.predict_proba if schema.classes else pipeline.predict
    return np.ascontiguousarray(answer(frame), dtype=np.float32)


def save_sklearn(fitted: Any, path: Path) -> None:
    """Write a fitted scikit-learn object as skops: the same bytes for the same object."""
    import skops.io

    raw = zipfile.ZipFile(io.BytesIO(skops.io.dumps(fitted)))
    contents = {name: _without_gaps(name, raw.read(name)) for name in raw.namelist() if name != TREE}
    names = {name: hashlib.sha256(content).hexdigest() + PurePath(name).suffix for name, content in contents.items()}
    members = {names[name]: content for name, content in contents.items()}
    members[TREE] = json.dumps(_anonymous(json.loads(raw.read(TREE)), names)).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), members[name], zipfile.ZIP_DEFLATED)


def _without_gaps(name: str, content: bytes) -> bytes:
    """An array of records with zeros between the fields; everything else as it is."""
    if not name.endswith(".npy"):
        return content
    records = np.load(io.BytesIO(content), allow_pickle=False)
    if records.dtype.names is None:
        return content
    clean = np.zeros(records.shape, records.dtype)  # zeros_like leaves the gaps as they were in memory
    for field in records.dtype.names:
        clean[field] = records[field]
    np.save(file := io.BytesIO(), clean, allow_pickle=False)
    return file.getvalue()


def _anonymous(node: Any, names: dict[str, str]) -> Any:
    """The tree of a skops file without memory addresses: no `__id__`, and members by their new names."""
    if isinstance(node, list):
        return [_anonymous(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: names[value] if key == "file" and value in names else _anonymous(value, names)
            for key, value in node.items() if key != "__id__"}


def load_sklearn(path: Path) -> Any:
    """The fitted object in a skops file. Raises TrainingError where it holds a type outside the allow-list."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.load(path, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as problem:
        raise TrainingError(f"{path} holds types that farrier does not trust: {problem}. "
                            f"It was not written by farrier: do not load it.") from problem
