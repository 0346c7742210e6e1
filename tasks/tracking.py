"""The one door to MLflow: what happened is written down as entries, kept in an outbox, and delivered.

An entry is posted by its key: delivering it twice changes nothing. Where MLflow does not answer, entries wait on disk,
in order, and the next delivery catches up; a release asks for an empty outbox first. Each server has an outbox of its
own, so that what was meant for one is never told to another.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.addresses import without_userinfo
from tasks.entries import Alias, Attachment, Ending, Entry, LoggedModel, Registration
from tasks.errors import CorruptedArtifact, TrackingUnavailable
from tasks.outbox import Outbox, Posted
from tasks.store import path_of, state

if TYPE_CHECKING:
    from mlflow import MlflowClient

QUIET = {
    "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
}
KEY = "farrier.key"
PACKAGE = "farrier.package"


def embedded_uri() -> str:
    """The SQLite store of this home."""
    return f"sqlite:///{state('mlflow') / 'mlflow.db'}"


class Tracking:
    """Posts entries to an MLflow server or store, through an outbox on disk."""

    def __init__(self, uri: str = "") -> None:
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or embedded_uri()
        self.shown = without_userinfo(self.uri).rstrip("/")
        self.outbox = Outbox(state("outbox", hashlib.sha256(self.shown.encode()).hexdigest()[:16]), self.shown)
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._connected: MlflowClient | None = None

    def post(self, *entries: Posted) -> None:
        """Keep entries in the outbox and deliver what can be delivered. Never raises for a server that is away.

        Raises TrackingRefused for an entry that MLflow does not take.
        """
        for entry in entries:
            self.outbox.keep(entry)
        self.deliver()

    def visit(self) -> None:
        """Connect, which makes the embedded database on the first visit; a server that is away is no error here."""
        try:
            self.client.search_experiments(max_results=1)
        except Exception as problem:
            if not _is_away(problem):
                raise

    def deliver(self) -> int:
        """Send what waits in the outbox, oldest first; returns how many entries still wait.

        Raises TrackingRefused where MLflow does not take what was posted here.
        """
        return self.outbox.deliver(self._try)

    def require_delivered(self) -> None:
        """Raise TrackingUnavailable unless MLflow knows everything that was posted."""
        if waiting := self.deliver():
            raise TrackingUnavailable(
                f"MLflow at {self.shown} does not answer, so nothing is released: {waiting} entries wait in "
                f"{self.outbox.folder}. Start it again, then repeat the run; finished work is not repeated.")

    def run_id(self, key: str, experiment: str) -> str:
        """The MLflow run of an entry, or '' where MLflow does not know it (yet)."""
        try:
            return self._runs.get(key) or self._find(key, self._experiment(experiment))
        except Exception as problem:
            if not _is_away(problem):
                raise
            return ""

    @property
    def client(self) -> MlflowClient:
        """MLflow's client, connected on first use."""
        if self._connected is None:
            self._connected = connect(self.uri)
        return self._connected

    def _try(self, posted: Posted) -> None:
        try:
            self._tell(posted)
        except Exception as problem:
            if _is_away(problem):
                raise TrackingUnavailable(f"MLflow at {self.shown} does not answer") from problem
            raise

    def _tell(self, posted: Posted) -> None:
        if isinstance(posted, Alias):
            self._point(posted)
        elif isinstance(posted, Ending):
            self._end(posted)
        else:
            self._send(posted)

    def _send(self, entry: Entry) -> None:
        experiment = self._experiment(entry.experiment)
        run = self._run(entry, experiment)
        self._log(run, entry)
        if entry.model is not None:
            self._log_model(experiment, run, entry, entry.model)
        if entry.status != "RUNNING":
            self.client.set_terminated(run, entry.status, entry.ended_ms or None)

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            self._experiments[name] = found.experiment_id if found else self._new_experiment(name)
        return self._experiments[name]

    def _new_experiment(self, name: str) -> str:
        place = (state("mlflow") / "artifacts" / name).as_uri() if self.uri.startswith("sqlite") else None
        kind = {"mlflow.experimentKind": "custom_model_development"}  # else the UI opens its pages for chat traces
        return str(self.client.create_experiment(name, artifact_location=place, tags=kind))

    def _run(self, entry: Entry, experiment: str) -> str:
        run = self._runs.get(entry.key) or self._find(entry.key, experiment)
        if not run:
            tags = {KEY: entry.key, "mlflow.source.type": "JOB", "mlflow.source.name": "farrier",
                    **self._nesting(entry)}
            run = self.client.create_run(experiment, entry.started_ms or None, tags, entry.name).info.run_id
        self._runs[entry.key] = run
        return run

    def _nesting(self, entry: Entry) -> dict[str, str]:
        parent = self.run_id(entry.parent, entry.experiment) if entry.parent else ""
        return {"mlflow.parentRunId": parent} if parent else {}

    def _find(self, key: str, experiment: str) -> str:
        found = self.client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        return str(found[0].info.run_id) if found else ""

    def _log(self, run: str, entry: Entry) -> None:
        from mlflow.entities import Metric, Param, RunTag

        now = entry.ended_ms or time.time_ns() // 1_000_000
        known = self.client.get_run(run).data.params
        tags = {**entry.tags, **self._provenance(entry)}
        self.client.log_batch(
            run, [Metric(name, value, now, 0) for name, value in entry.metrics.items()],
            [Param(name, value[:6000]) for name, value in entry.params.items() if name not in known],
            [RunTag(name, value[:8000]) for name, value in tags.items()])
        self._log_inputs(run, entry)
        for attachment in entry.attachments:
            self._attach(run, attachment)

    def _provenance(self, entry: Entry) -> dict[str, str]:
        """The digest of what this run is about and, where it was reused, the run that made it."""
        if not entry.sha256:
            return {}
        tags = {"farrier.sha256": entry.sha256, "farrier.reused": str(entry.reused).lower()}
        made = f"tags.`farrier.sha256` = '{entry.sha256}' and tags.`farrier.reused` = 'false'"
        found = entry.reused and self.client.search_runs(
            [self._experiment(entry.experiment)], made, max_results=1, order_by=["attributes.start_time ASC"])
        return {**tags, "farrier.made_by": found[0].info.run_id} if found else tags

    def _log_inputs(self, run: str, entry: Entry) -> None:
        from mlflow.entities import Dataset as MlflowDataset
        from mlflow.entities import DatasetInput, InputTag

        inputs = [DatasetInput(MlflowDataset(d.name, d.sha256[:36], "local", json.dumps({"sha256": d.sha256})),
                               [InputTag("mlflow.data.context", d.context)]) for d in entry.datasets]
        if inputs:
            self.client.log_inputs(run, inputs)

    def _attach(self, run: str, attachment: Attachment) -> None:
        folder, _, name = attachment.name.rpartition("/")
        if attachment.text is not None:
            self.client.log_text(run, attachment.text, attachment.name)
        elif attachment.artifact is not None:
            with named(path_of(attachment.artifact), name) as file:
                self.client.log_artifact(run, str(file), folder or None)

    def _log_model(self, experiment: str, run: str, entry: Entry, model: LoggedModel) -> None:
        """Upload a run's model once; an upload that was cut short is done again."""
        found = self.client.search_logged_models([experiment], f"source_run_id = '{run}'", max_results=1)
        made = found[0] if found else self.client.create_logged_model(
            experiment, model.name, run, model.tags, model.params, model.kind)
        if made.status != "READY":
            self._upload(made.model_id, run, entry, model)
        if entry.registration is not None:
            self._register(run, made, entry.registration)

    def _upload(self, model_id: str, run: str, entry: Entry, model: LoggedModel) -> None:
        from mlflow.entities import LoggedModelOutput

        with named(path_of(model.artifact), f"model{path_of(model.artifact).suffix}") as file:
            self.client.log_model_artifacts(model_id, str(file.parent))
        self.client.log_outputs(run, [LoggedModelOutput(model_id, 0)])
        for metric, value in entry.metrics.items():
            self.client.log_metric(run, metric, value, model_id=model_id)
        self.client.finalize_logged_model(model_id, "READY")

    def _register(self, run: str, model: Any, registration: Registration) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(registration.model)
        except MlflowException as exists:
            if exists.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        if self._version_of(registration.model, registration.package) is None:
            self.client.create_model_version(
                registration.model, model.artifact_location, run,
                {**registration.tags, PACKAGE: registration.package}, description=registration.description,
                model_id=model.model_id)

    def _version_of(self, model: str, package: str) -> str | None:
        found = self.client.search_model_versions(f"name = '{model}' and tags.`{PACKAGE}` = '{package}'", max_results=1)
        return str(found[0].version) if found else None

    def _point(self, alias: Alias) -> None:
        """Make an alias stand for its package; where this MLflow never heard of it, for nothing rather than another."""
        version = self._version_of(alias.model, alias.package)
        if version is not None:
            self.client.set_model_version_tag(alias.model, version, "farrier.version", str(alias.release))
            self.client.set_registered_model_alias(alias.model, alias.alias, version)
        elif self.client.search_registered_models(f"name = '{alias.model}'", max_results=1):
            self.client.delete_registered_model_alias(alias.model, alias.alias)

    def _end(self, over: Ending) -> None:
        still_open = f"tags.`{KEY}` LIKE '{over.run}%' and attributes.status = 'RUNNING'"
        for run in self.client.search_runs([self._experiment(over.experiment)], still_open):
            self.client.set_terminated(run.info.run_id, over.status)


def connect(uri: str) -> MlflowClient:
    """An MLflow client that is quiet, gives up soon and phones nobody."""
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    import logging

    from mlflow import MlflowClient

    for noisy in ("mlflow", "alembic"):  # after the import, which sets up the first one's
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def named(path: Path, name: str) -> Iterator[Path]:
    """A stored file under a name that people understand, for the length of a block.

    Raises CorruptedArtifact where the file is gone.
    """
    import tempfile

    if not path.exists():
        raise CorruptedArtifact(f"{path} is gone")
    with tempfile.TemporaryDirectory(dir=state("tmp")) as folder:
        link = Path(folder) / name
        link.symlink_to(path)
        yield link


def _is_away(problem: Exception) -> bool:
    """Whether MLflow could not be reached, rather than refused what it was given."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    if isinstance(problem, MlflowException):
        return problem.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
    return isinstance(problem, RequestException | ConnectionError)
