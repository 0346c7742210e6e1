"""The laws of runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.inputs import feeds
from tasks.deployment.runtimes._base import Predict, Runtime, answers_of
from tasks.errors import FarrierError
from tasks.records import Candidate
from tasks.training import reference
from tasks.training.families import Linear, Mlp
from tests.laws.stage import Scene, Stage, check_answers, example

CAST = (("rows", Linear), ("rows", Mlp), ("regression", Linear), ("image", Mlp))


def _candidates(stage: Stage) -> Iterator[tuple[Candidate, Scene]]:
    for name, family in CAST:
        yield stage.candidate(family, name), stage.scenes[name]


def _taken(runtime: Runtime, stage: Stage) -> list[tuple[Candidate, Scene]]:
    """The candidates that the runtime takes, as they are or before their export."""
    fitting = [(candidate, scene) for candidate, scene in _candidates(stage)
               if {candidate.model.form, candidate.source and candidate.source.form} & runtime.takes]
    assert fitting, f"{runtime.kind} takes none of the candidates of tests/laws/runtimes.py: add one to CAST"
    return fitting


def _opened(runtime: Runtime, candidate: Candidate, scene: Scene, stage: Stage, threads: int = 1) -> Predict:
    built = runtime.build(candidate, threads, scene.schema, stage.store)
    return runtime.open(built, threads, scene.schema, stage.store)


def _feeds(scene: Scene, rows: slice = slice(None)) -> dict[str, np.ndarray]:
    frame, schema = scene.fold.validation.iloc[rows], scene.schema
    return feeds(schema.model_dump(mode="json"), {c.name: frame[c.name].to_numpy() for c in schema.features})


def _answers(predict: Predict, scene: Scene, rows: slice = slice(None)) -> Any:
    given = _feeds(scene, rows)
    return answers_of(predict(given), len(next(iter(given.values()))), scene.schema)


def it_answers_as_the_trained_model(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    for candidate, scene in _taken(runtime, stage):
        answers = _answers(_opened(runtime, candidate, scene, stage), scene)
        check_answers(answers, len(scene.fold.validation), scene.schema)
        expected = reference.answers(candidate.source, scene.fold.validation, scene.schema, stage.store)
        apart = np.abs(answers - expected).max() / max(1.0, float(np.abs(expected).max()))
        assert apart <= runtime.tolerance, f"{runtime.kind} differs by {apart:.3g} on {candidate.name}"


def it_answers_alike_again_and_row_by_row(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    for candidate, scene in _taken(runtime, stage):
        predict = _opened(runtime, candidate, scene, stage)
        whole = _answers(predict, scene)
        assert np.array_equal(_answers(predict, scene), whole)
        scale = max(1.0, float(np.abs(whole).max()))
        for row in range(3):
            alone = _answers(predict, scene, slice(row, row + 1))
            assert np.abs(alone[0] - whole[row]).max() <= runtime.tolerance * scale


def it_leaves_its_arguments_alone(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    for candidate, scene in _taken(runtime, stage):
        given, before = _feeds(scene), candidate.digest()
        copies = {name: array.copy() for name, array in given.items()}
        _opened(runtime, candidate, scene, stage)(given)
        assert candidate.digest() == before
        assert given.keys() == copies.keys()
        assert all(np.array_equal(given[name], copies[name], equal_nan=given[name].dtype.kind == "f") for name in given)


def it_builds_the_same_bytes_into_the_store(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    for candidate, scene in _taken(runtime, stage):
        first, again = (runtime.build(candidate, 1, scene.schema, stage.store) for _ in range(2))
        assert first == again
        assert stage.store.holds(first)
        assert runtime.size_bytes(first, stage.store) > 0


def its_labels_are_the_likeliest_classes(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    for candidate, scene in _taken(runtime, stage):
        if scene.schema.classes:
            outputs = _opened(runtime, candidate, scene, stage)(_feeds(scene))
            likeliest = [scene.schema.classes[place] for place in outputs["probabilities"].argmax(axis=1)]
            assert list(outputs["label"]) == likeliest


def it_keeps_its_answers_with_more_threads(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    candidate, scene = _taken(runtime, stage)[0]
    one, two = (_answers(_opened(runtime, candidate, scene, stage, threads), scene) for threads in (1, 2))
    assert np.abs(one - two).max() <= runtime.tolerance


def it_refuses_forms_that_it_does_not_take(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    for candidate, scene in _candidates(stage):
        bare = candidate.model_copy(update={"source": None})
        for model in (candidate.model, candidate.source):
            if model is not None and model.form not in runtime.takes:
                with pytest.raises(FarrierError, match=f"{model.form}.*{runtime.kind}"):
                    runtime.build(bare.model_copy(update={"model": model}), 1, scene.schema, stage.store)


def it_refuses_what_it_did_not_build(member: type[Runtime], stage: Stage, folder: Path) -> None:
    runtime = example(member, folder)
    if np.isinf(runtime.tolerance):
        return  # the null reads nothing
    (folder / "broken").write_bytes(b"nothing that anybody built")
    with pytest.raises(FarrierError):
        runtime.open(stage.store.put(folder / "broken"), 1, stage.scenes["rows"].schema, stage.store)


LAWS = (it_answers_as_the_trained_model, it_answers_alike_again_and_row_by_row, it_leaves_its_arguments_alone,
        it_builds_the_same_bytes_into_the_store, its_labels_are_the_likeliest_classes,
        it_keeps_its_answers_with_more_threads, it_refuses_forms_that_it_does_not_take,
        it_refuses_what_it_did_not_build)
