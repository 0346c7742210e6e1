"""The laws have teeth: each refuses a plug-in that breaks it and is lawful otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from serving.engines.onnxruntime import UnreadableGraph
from tasks.data.sources import File, Synthetic
from tasks.deployment.runtimes import OnnxRuntime
from tasks.deployment.runtimes._base import Feeds
from tasks.optimization.techniques import Keep
from tasks.store import Store
from tasks.training.families import Constant
from tasks.training.families._base import Params
from tests.contracts import stage  # noqa: F401  a fixture
from tests.laws import everyone, families, runtimes, sources, techniques
from tests.laws.stage import EXAMPLES, Stage


class Reads(File):
    """A lawful source of the file's rows, for those below to spoil."""

    path: str = "rows.csv"


class Nameless(Synthetic):
    kind: Literal["synthetic"] = "synthetic"
    share: float = 0.1


class Dice(Synthetic):
    def collect(self, folder: Path) -> Path:
        return Synthetic(rows=30, seed=int(np.random.default_rng().integers(10**9))).collect(folder)


class Litters(Synthetic):
    def collect(self, folder: Path) -> Path:
        (folder / "more").touch()
        return super().collect(folder)


class Scribbles(Reads):
    def collect(self, folder: Path) -> Path:
        with Path(self.path).open("a") as file:
            file.write("2,Zug\n")
        return super().collect(folder)


class Sleeps(Reads):
    def identity(self) -> str:
        return "always the same"


class Mumbles(Reads):
    def collect(self, folder: Path) -> Path:
        (folder / "copy").write_bytes(Path(self.path).read_bytes())
        return super().collect(folder)


class Poses(Constant):
    yields: ClassVar[Any] = "torch"


class Meddles(Constant):
    def fit(self, data: Any, params: Params, *, seed: int, device: str) -> Any:
        data.train.iloc[0, 0] = 7.0 + data.train.iloc[0, 0] if data.train.iloc[0, 0] == data.train.iloc[0, 0] else 1.0
        return super().fit(data, params, seed=seed, device=device)


class Strays(Constant):
    first: ClassVar[Params] = {"leaf": 1}


class StraysLater(Constant):
    proven: ClassVar[tuple[Params, ...]] = ({"leaf": 1},)


class Shrugs(Constant):
    first: ClassVar[Params] = {"leaf": 1}


class Rolls(Keep):
    def apply(self, model: Any, data: Any, store: Store, *, seed: int) -> Any:
        with store.scratch() as folder:
            (folder / "any").write_bytes(np.random.default_rng().bytes(8))
            return model.model_copy(update={"artifact": store.put(folder / "any")})


class Claims(Keep):
    yields: ClassVar[Any] = "torch"
    families: ClassVar[frozenset[str]] = frozenset({"zebra"})


class Answers(OnnxRuntime):
    """ONNX Runtime, with something done to feeds or outputs."""

    def open(self, built: Any, threads: int, schema: Any, store: Any) -> Any:
        predict = super().open(built, threads, schema, store)
        return lambda feeds: self.spoil(feeds, dict(predict(feeds)))

    def spoil(self, feeds: Feeds, outputs: dict[str, Any]) -> dict[str, Any]:
        return outputs


class Leans(Answers):
    def spoil(self, feeds: Feeds, outputs: dict[str, Any]) -> dict[str, Any]:
        name = "probabilities" if "probabilities" in outputs else "prediction"
        return outputs | {name: np.roll(outputs[name], 1, axis=-1)}


class Gossips(Answers):
    def spoil(self, feeds: Feeds, outputs: dict[str, Any]) -> dict[str, Any]:
        return {name: array + 0.01 * len(array) if array.dtype.kind == "f" else array
                for name, array in outputs.items()}


class Tramples(Answers):
    def spoil(self, feeds: Feeds, outputs: dict[str, Any]) -> dict[str, Any]:
        next(array for array in feeds.values() if array.dtype.kind == "f")[0] = 42
        return outputs


class Mislabels(Answers):
    def spoil(self, feeds: Feeds, outputs: dict[str, Any]) -> dict[str, Any]:
        return outputs | ({"label": outputs["label"][::-1]} if "label" in outputs else {})


class Swallows(OnnxRuntime):
    def build(self, candidate: Any, threads: int, schema: Any, store: Any) -> Any:
        return candidate.model.artifact


class Forgives(OnnxRuntime):
    def open(self, built: Any, threads: int, schema: Any, store: Any) -> Any:
        return dict


BREACHES = [
    (Dice, everyone.its_kind_is_the_name_of_its_file), (Dice, everyone.it_knows_no_other_of_its_kind),
    (Nameless, everyone.it_has_a_docstring_of_its_own), (Nameless, everyone.its_options_explain_themselves),
    (Dice, sources.it_gives_the_same_bytes_again), (Litters, sources.it_writes_one_table_where_it_is_told),
    (Scribbles, sources.it_leaves_what_it_reads_alone), (Sleeps, sources.its_identity_follows_what_it_reads),
    (Mumbles, sources.it_says_which_file_is_at_fault),
    (Poses, families.it_gives_answers_in_its_form), (Strays, families.its_first_trial_is_in_its_space),
    (StraysLater, families.its_first_trial_is_in_its_space),
    (Meddles, families.it_leaves_its_arguments_alone), (Shrugs, families.it_refuses_what_cannot_be_fitted),
    (Rolls, techniques.it_gives_the_same_model_again), (Rolls, techniques.what_it_gives_can_be_asked),
    (Claims, techniques.its_family_is_known),
    (Leans, runtimes.it_answers_as_the_trained_model), (Gossips, runtimes.it_answers_alike_again_and_row_by_row),
    (Tramples, runtimes.it_leaves_its_arguments_alone), (Mislabels, runtimes.its_labels_are_the_likeliest_classes),
    (Swallows, runtimes.it_refuses_forms_that_it_does_not_take), (Forgives, runtimes.it_refuses_what_it_did_not_build),
]


@pytest.mark.parametrize(("rogue", "law"), [
    pytest.param(rogue, law, id=f"{rogue.__name__}-{law.__name__}") for rogue, law in BREACHES])
def test_a_breach_is_found(rogue: type[Any], law: Any, stage: Stage, tmp_path: Path,  # noqa: F811
                           monkeypatch: pytest.MonkeyPatch) -> None:
    if issubclass(rogue, Reads):
        made = EXAMPLES[File]
        monkeypatch.setitem(EXAMPLES, rogue, lambda folder: rogue.model_validate(made(folder).model_dump()))
    with pytest.raises((AssertionError, pytest.fail.Exception, FileNotFoundError, UnreadableGraph)):
        law(rogue, stage, tmp_path)


def test_a_member_without_an_example_says_what_to_add(stage: Stage, tmp_path: Path) -> None:  # noqa: F811
    class Needs(Synthetic):
        place: str

    with pytest.raises(pytest.fail.Exception, match=r"Needs.*Add a line to EXAMPLES"):
        everyone.its_settings_are_frozen(Needs, stage, tmp_path)
