"""The data stage: a source to rows that a model may be trained on."""

from __future__ import annotations

from prefect import flow

from flows import publishing
from flows.gathering import one
from flows.recording import record_data
from flows.run import Run
from tasks.data.settings import DataSettings
from tasks.data.steps import collect, prepare
from tasks.records import PreparedData
from tasks.report.markdown import data_markdown
from tasks.telling import say


@flow(name="data", flow_run_name="data {run.project}")
def data(settings: DataSettings, run: Run) -> PreparedData:
    """Collect, validate, quarantine, split, describe."""
    say("stage", "data", steps=2)
    refresh = "data" in run.refresh
    identity = settings.source.identity()
    snapshot = one(collect, settings, identity, refresh=refresh or identity is None)
    prepared = one(prepare, snapshot.result, settings, refresh=refresh)
    publishing.markdown("data", data_markdown(prepared.result))
    record_data(run, prepared, settings)
    return prepared.result
