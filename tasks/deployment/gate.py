"""The gate: the selected candidate answers the test rows, once, through its own runtime, beside the champion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.inputs import feeds
from tasks.data import preparation
from tasks.deployment.certification import certify
from tasks.deployment.measurement import answer_all
from tasks.deployment.settings import DeploymentSettings
from tasks.deployment.target import Target, threads_of
from tasks.processes import run_apart
from tasks.records import Artifact, Candidate, PreparedData, Record, TrainedModel, Verdict
from tasks.store import Store
from tasks.training import reference

Answers = npt.NDArray[np.float32]


class Certified(Record):
    """A verdict and the candidate's answers on the test rows, for the pictures of the report."""

    verdict: Verdict
    answers: Artifact


def certify_on_test(
    candidate: Candidate, champion: TrainedModel, target: Target, prepared: PreparedData, settings: DeploymentSettings,
    store: Store,
) -> Certified:
    """Compare a candidate, through the runtime that would serve it, with the champion as trained, on the test split."""
    theirs = run_apart(reference.answers, champion.model, preparation.load(prepared.test, store), prepared.data_schema,
                       store)
    ours = run_apart(answer, candidate, target, prepared, store, threads=threads_of(target))
    test = preparation.load(prepared.test, store)
    truth = preparation.target(test, prepared.data_schema)
    verdict = certify(candidate.name, truth, theirs, ours, test, prepared.data_schema, champion.primary, settings)
    return Certified(verdict=verdict, answers=_kept(ours, store))


def answer(candidate: Candidate, target: Target, prepared: PreparedData, store: Store) -> Answers:
    """The candidate's answers on the test rows through the target's runtime; those not finite are for the verdict."""
    threads = threads_of(target)
    schema = prepared.data_schema
    built = target.runtime.build(candidate, threads, schema, store)
    frame = preparation.typed(preparation.load(prepared.test, store), schema)
    asked = feeds(schema.model_dump(mode="json"), {name: frame[name].to_numpy() for name in frame.columns})
    return answer_all(target.runtime.open(built, threads, schema, store), asked, schema, finite=False)


def _kept(answers: Answers, store: Store) -> Artifact:
    with store.scratch() as folder:
        np.save(folder / "answers.npy", answers)
        return store.put(folder / "answers.npy")
