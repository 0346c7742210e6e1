"""Every runtime answers as the candidate does, or says why it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from tasks.deployment.measurement import answer_all, validation
from tasks.deployment.runtimes import RUNTIMES, AnyRuntime, Echo, OnnxRuntime, Runtime, Sklearn, Torch, answers_of
from tasks.errors import DeploymentError
from tasks.records import Candidate, Form, PreparedData
from tasks.store import Store

Case = tuple[Candidate, PreparedData]


def answered(runtime: Runtime, case: Case, store: Store) -> np.ndarray:
    candidate, prepared = case
    schema = prepared.data_schema
    predict = runtime.open(runtime.build(candidate, 1, schema, store), 1, schema, store)
    return answer_all(predict, validation(prepared, store)[0], schema)


@pytest.mark.parametrize(("runtime", "kind"), [
    (OnnxRuntime(), "rows"), (OnnxRuntime(), "images"), (OnnxRuntime(), "regression"),
    (Sklearn(), "rows"), (Sklearn(), "regression"), (Torch(), "images"),
])
def test_answers_are_the_candidates_own(runtime: Runtime, kind: str, shelf: Store,
                                        request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(kind)
    own = np.load(shelf.fetch(case[0].answers))
    tolerance = runtime.tolerance * max(1.0, float(np.abs(own).max()))
    np.testing.assert_allclose(answered(runtime, case, shelf), own, atol=tolerance, rtol=0)


@pytest.mark.parametrize("runtime", [OnnxRuntime(), Sklearn(), Echo()])
def test_labels_are_the_likeliest_classes_by_name(runtime: Runtime, rows: Case, shelf: Store) -> None:
    candidate, prepared = rows
    schema = prepared.data_schema
    feeds, _ = validation(prepared, shelf)
    outputs = runtime.open(runtime.build(candidate, 1, schema, shelf), 1, schema, shelf)(feeds)
    likeliest = [schema.classes[i] for i in outputs["probabilities"].argmax(axis=1)]
    assert outputs["label"].tolist() == likeliest


@pytest.mark.parametrize("kind", ["rows", "images", "regression"])
def test_echo_gives_the_right_shape(kind: str, shelf: Store, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(kind)
    given = answered(Echo(), case, shelf)
    assert given.shape == np.load(shelf.fetch(case[0].answers)).shape
    assert np.unique(given).size == 1


@pytest.mark.parametrize(("runtime", "kind"), [(Sklearn(), "images"), (Torch(), "rows")])
def test_a_form_that_is_not_taken_is_refused(runtime: Runtime, kind: str, shelf: Store,
                                             request: pytest.FixtureRequest) -> None:
    candidate, prepared = request.getfixturevalue(kind)
    with pytest.raises(DeploymentError, match=f"{kind} is onnx, and runtime '{runtime.kind}' takes {runtime.kind}"):
        runtime.build(candidate, 1, prepared.data_schema, shelf)


def test_a_file_that_is_no_graph_is_refused(mixed: PreparedData, shelf: Store) -> None:
    with shelf.scratch() as folder:
        (path := folder / "model.onnx").write_bytes(b"no graph")
        broken = shelf.put(path)
    with pytest.raises(DeploymentError, match="cannot open"):
        OnnxRuntime().open(broken, 1, mixed.data_schema, shelf)


def test_a_network_without_its_preprocessing_is_refused(images: Case, shelf: Store) -> None:
    candidate, prepared = images
    assert candidate.source is not None
    bare = candidate.model_copy(update={"source": candidate.source.model_copy(update={"preprocessing": None})})
    built = Torch().build(bare, 1, prepared.data_schema, shelf)
    with pytest.raises(DeploymentError, match="Train it again"):
        Torch().open(built, 1, prepared.data_schema, shelf)


def test_what_has_to_be_shipped(images: Case, shelf: Store) -> None:
    candidate, prepared = images
    assert candidate.source is not None
    for runtime, size in ((OnnxRuntime(), candidate.model.size_bytes), (Torch(), candidate.source.size_bytes)):
        assert runtime.size_bytes(runtime.build(candidate, 1, prepared.data_schema, shelf), shelf) == size


@pytest.mark.parametrize("outputs", [
    {"label": np.array(["yes"])},
    {"probabilities": np.ones((1, 3), np.float32)},
    {"probabilities": np.array([[np.nan, 1]], np.float32)},
])
def test_answers_that_are_none_are_refused(outputs: dict[str, np.ndarray], mixed: PreparedData) -> None:
    with pytest.raises(DeploymentError, match="probabilities"):
        answers_of(outputs, 1, mixed.data_schema)


def test_only_what_a_server_can_open_is_releasable() -> None:
    assert [runtime.model_fields["kind"].default for runtime in RUNTIMES if runtime.releasable] == ["onnxruntime"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_settings_name_a_runtime(runtime: type[Runtime]) -> None:
    made = runtime()
    assert TypeAdapter(AnyRuntime).validate_python({"kind": made.kind}) == made
    assert made.available() is None


class Exotic(Echo):
    """Needs what nobody has."""

    package = "a_package_that_nobody_has"
    extra = "exotic"
    takes = frozenset[Form]()


def test_a_runtime_that_is_not_installed_says_how_to_get_it() -> None:
    assert Exotic().available() == ".venv/bin/pip install -e '.[exotic]'"
