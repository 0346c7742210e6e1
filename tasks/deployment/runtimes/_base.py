"""What a runtime is: it builds a candidate for the machine and opens what it built as a function of arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.errors import DeploymentError
from tasks.plugins import Plugin, installing
from tasks.records import Artifact, Candidate, Form, Model, Schema, canonical_json
from tasks.store import Store

Array = NDArray[Any]
Feeds = Mapping[str, Array]
Predict = Callable[[Feeds], Mapping[str, Array]]


class Runtime(Plugin):
    """A way to run a model. `releasable`: whether a server without this project's Python can open what it builds."""

    takes: ClassVar[frozenset[Form]]
    releasable: ClassVar[bool] = False
    tolerance: ClassVar[float]  # the largest difference of its answers from the candidate's own
    package: ClassVar[str | None] = None  # the module without which it cannot work
    extra: ClassVar[str] = ""  # the extra that brings it, where it is no part of the core

    def available(self) -> str | None:
        """None where this runtime can work here, else the command that makes it so."""
        if self.package is None or find_spec(self.package) is not None:
            return None
        return installing(self.extra)

    @abstractmethod
    def build(self, candidate: Candidate, threads: int, schema: Schema, store: Store) -> Artifact:
        """What this runtime runs, made from a candidate. Raises DeploymentError for a form that it does not take."""

    @abstractmethod
    def open(self, built: Artifact, threads: int, schema: Schema, store: Store) -> Predict:
        """What was built, ready to answer feeds. Raises DeploymentError where it cannot be opened."""

    def size_bytes(self, built: Artifact, store: Store) -> int:  # noqa: ARG002  who builds more than a file uses it
        """How much has to be shipped."""
        return built.size_bytes

    def model_of(self, candidate: Candidate) -> Model:
        """The candidate's model in a form that this runtime takes: before its export, or as it is."""
        for model in (candidate.model, candidate.source):
            if model is not None and model.form in self.takes:
                return model
        forms = " or ".join(sorted(self.takes))
        raise DeploymentError(f"{candidate.name} is {candidate.model.form}, and runtime {self.kind!r} takes {forms}. "
                              f"Give this target another runtime, or leave the recipe out.")


class Reference(Runtime):
    """The trained model in Python, as a web server around it would call it: what a release is compared with.

    It builds the Model's own JSON, since a network and its preprocessing are two files.
    """

    def build(self, candidate: Candidate, threads: int, schema: Schema, store: Store) -> Artifact:  # noqa: ARG002
        with store.scratch() as folder:
            path = folder / "model.json"
            path.write_text(canonical_json(self.model_of(candidate).model_dump(mode="json")))
            return store.put(path)

    def size_bytes(self, built: Artifact, store: Store) -> int:
        return self.built_model(built, store).size_bytes

    def built_model(self, built: Artifact, store: Store) -> Model:
        """The model that was built. Raises CorruptedArtifact where it is gone, DeploymentError for any other file."""
        path = store.fetch(built)
        try:
            return Model.model_validate_json(path.read_bytes())
        except ValueError as problem:
            raise DeploymentError(f"{path} was not built by runtime {self.kind!r}: it holds no model's record. "
                                  f"Build the candidate again.") from problem


def frame_of(feeds: Feeds, schema: Schema) -> pd.DataFrame:
    """The typed frame of feeds: what a Python server builds for each request."""
    names = [column.name for column in schema.features]
    if schema.input == "image":
        return pd.DataFrame(feeds["image"].reshape(-1, len(names)), columns=names)
    return pd.DataFrame({name: feeds[name].ravel() for name in names})


def outputs_of(answers: Array, schema: Schema) -> dict[str, Array]:
    """Answers under the names that every runtime gives: probabilities with their label, or predictions."""
    if not schema.classes:
        return {"prediction": answers}
    labels = np.array(schema.classes, dtype=object)
    return {"label": labels[answers.argmax(axis=1)], "probabilities": answers}


def answers_of(outputs: Mapping[str, Array], rows: int, schema: Schema, *, finite: bool = True) -> Array:
    """The answers among a runtime's outputs: probabilities (rows, classes) or predictions (rows,), float32.

    Raises DeploymentError where they are absent, of another shape, or (where they must be `finite`) no numbers.
    """
    name = "probabilities" if schema.classes else "prediction"
    shape = (rows, len(schema.classes)) if schema.classes else (rows,)
    if name not in outputs:
        raise DeploymentError(f"the runtime gives {sorted(outputs)}; {name!r} is needed.")
    answers = np.asarray(outputs[name], dtype=np.float32)
    if answers.shape != shape:
        raise DeploymentError(f"the runtime's {name} have shape {answers.shape}; {shape} is needed.")
    if finite and not np.isfinite(answers).all():
        raise DeploymentError(f"{(~np.isfinite(answers)).sum()} of the runtime's {name} are not finite numbers.")
    return answers
