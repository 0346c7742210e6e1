from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.package import CONTENTS, MANIFEST, SIGNATURE, open_package
from serving.signature import read_keys
from tasks.deployment.packaging import Lineage, pack
from tasks.deployment.signing import trusted_keys
from tasks.deployment.target import Target
from tasks.errors import DeploymentError, StoreFull
from tasks.optimization.export import export
from tasks.records import PreparedData
from tasks.store import Store, path_of
from tasks.training import reference
from tasks.training.families import Linear
from tasks.training.folds import fold
from tests.conftest import numbers_of

Pack = Callable[..., Any]


def manifest_of(package: Any) -> dict[str, Any]:
    return dict(json.loads((path_of(package) / MANIFEST).read_text()))


def test_a_package_holds_what_it_names_and_nothing_else(pack_one: Pack) -> None:
    packed = pack_one()
    folder = path_of(packed.package)
    assert {file.name for file in folder.iterdir()} == CONTENTS | {MANIFEST, SIGNATURE}
    assert packed.package.size_bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert manifest_of(packed.package)["lineage"]["parent"] == packed.candidate.parent


def test_packing_again_gives_the_same_digest(pack_one: Pack) -> None:
    assert pack_one().package == pack_one().package


def test_another_run_does_not_make_another_package(pack_one: Pack) -> None:
    first = pack_one(run="run-1").package
    assert pack_one(run="run-2").package == first
    assert manifest_of(first)["lineage"]["run"] == "run-1"


def test_another_model_gives_another_digest(pack_one: Pack) -> None:
    assert pack_one().package.sha256 != pack_one(0.25).package.sha256


def test_no_place_on_this_disk_is_written_into_a_package(pack_one: Pack, tmp_path: Path) -> None:
    for file in path_of(pack_one().package).iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name


def test_columns_may_be_called_anything(strange: PreparedData, store: Store) -> None:
    """Exported, packed, opened again, its golden rows answered; and a row of raw values answered by name."""
    data = fold(strange, store)
    model = reference.keep(Linear().fit(data, dict(Linear.first), seed=0, device="cpu"), store)
    graph = export(model, strange.data_schema, strange, store).artifact
    candidate, measurement, verdict = numbers_of(graph, "cpu-server", "pass")
    target = Target.model_validate({"name": "cpu-server", "runtime": {"kind": "onnxruntime"}, "threads": 1})
    lineage = Lineage(project="shop", commit="c0ffee", settings="5e77")
    packed = pack(candidate, graph, target, measurement, verdict, strange, lineage, store)
    package = open_package(path_of(packed), read_keys(trusted_keys()))
    row = {column.name: ["b" if column.kind == "category" else "0.5"] for column in strange.data_schema.features}
    assert package.predict(row)["label"].tolist() == ["yes"]


def test_a_damaged_package_in_the_store_is_made_again(pack_one: Pack, store: Store) -> None:
    packed = pack_one()
    (path_of(packed.package) / "card.md").write_text("another card")
    assert not store.holds(packed.package)
    assert pack_one().package == packed.package
    assert store.holds(packed.package)


def test_golden_rows_hold_validation_rows_and_the_odd_ones(pack_one: Pack) -> None:
    golden = json.loads((path_of(pack_one().package) / "golden.json").read_text())
    assert len(golden["columns"]["age"]) >= 22
    assert [golden["columns"][name][-2] for name in ("age", "spent", "plan", "city")] == [None] * 4
    assert golden["columns"]["plan"][-1] not in ("basic", "family", "premium")
    assert len(golden["outputs"]["probabilities"]) == len(golden["columns"]["age"])


def test_the_card_says_what_was_measured_and_how_far_to_trust_it(pack_one: Pack) -> None:
    card = (path_of(pack_one().package) / "card.md").read_text()
    for words in ("# shop for cpu-server: linear-keep", "0.85 to 0.95 (95%)", "measured", "| overall | accuracy |",
                  "`age`: trained on", "Classes, in the order of the probabilities: no, yes."):
        assert words in card


def test_opens_and_answers(pack_one: Pack) -> None:
    package = open_package(path_of(pack_one().package), read_keys(trusted_keys()))
    answers = package.predict({"age": ["80", None], "spent": [1, 2], "plan": ["basic", "premium"], "city": ["", "x"]})
    assert answers["label"].tolist() == ["yes", "no"]
    assert answers["probabilities"].shape == (2, 2)
    assert package.classes == ("no", "yes")


def test_numbers_of_another_candidate_are_refused(pack_one: Pack, mixed: PreparedData, store: Store) -> None:
    packed = pack_one()
    target = Target.model_validate({"name": "cpu-tiny", "runtime": {"kind": "onnxruntime"}})
    with pytest.raises(DeploymentError, match="cpu-tiny came with a measurement of linear-keep on cpu-server"):
        pack(packed.candidate, packed.candidate.model.artifact, target, packed.measurement, packed.verdict, mixed,
             Lineage(project="shop", commit="", settings=""), store)


def test_what_is_no_graph_is_refused(pack_one: Pack, mixed: PreparedData, store: Store, tmp_path: Path) -> None:
    packed = pack_one()
    (tmp_path / "model.json").write_text("{}")
    target = Target.model_validate({"name": "cpu-server", "runtime": {"kind": "onnxruntime"}})
    with pytest.raises(DeploymentError, match="a package holds an ONNX graph"):
        pack(packed.candidate, store.put(tmp_path / "model.json"), target, packed.measurement, packed.verdict, mixed,
             Lineage(project="shop", commit="", settings=""), store)


def test_a_model_that_answers_nothing_for_a_missing_value_is_refused(pack_one: Pack) -> None:
    with pytest.raises(DeploymentError, match="answers nan to a golden row"):
        pack_one(float("nan"))


@pytest.mark.parametrize("kind", ["sklearn", "torch", "echo"])
def test_a_reference_is_not_packed(pack_one: Pack, mixed: PreparedData, store: Store, kind: str) -> None:
    packed = pack_one()
    target = Target.model_validate({"name": "cpu-server", "runtime": {"kind": kind}})
    with pytest.raises(DeploymentError, match=f"runs in {kind}, a reference, never released"):
        pack(packed.candidate, packed.candidate.model.artifact, target, packed.measurement, packed.verdict, mixed,
             Lineage(project="shop", commit="", settings=""), store)


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_what_did_not_pass_is_not_packed(pack_one: Pack, outcome: str) -> None:
    with pytest.raises(DeploymentError, match=f"its verdict is {outcome}"):
        pack_one(outcome=outcome)


def test_a_full_disk_is_said_and_leaves_no_half_package(
    pack_one: Pack, small_disk: Path, mixed: PreparedData, store: Store
) -> None:
    packed = pack_one()
    small = Store(small_disk / "store")
    small.root.mkdir()
    (small_disk / "filler").write_bytes(b"\0" * (2 * 2**20 - 12_288))
    target = Target.model_validate({"name": "cpu-server", "runtime": {"kind": "onnxruntime"}, "threads": 1})
    with pytest.raises(StoreFull, match="FARRIER_HOME"):
        pack(packed.candidate, packed.candidate.model.artifact, target, packed.measurement, packed.verdict, mixed,
             Lineage(project="shop", commit="c0ffee", settings="5e77"), small)
    assert [path for path in small.root.rglob("*") if path.is_file() and path.name != ".sweeping.lock"] == []
