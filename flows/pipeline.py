"""The pipeline: raw rows to the best model that each target can afford."""

from __future__ import annotations

from prefect import flow
from prefect.context import TagsContext
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from conf.settings import Settings
from flows.chronicle import Chronicle, Outcome, chronicled
from flows.data import data
from flows.deployment import deployment
from flows.optimization import optimization
from flows.run import Run
from flows.training import training
from tasks.optimization.recipes import plan


@flow(name="pipeline", flow_run_name="{settings.project}")
def pipeline(settings: Settings, run: Run) -> Outcome:
    """Take raw rows to a proven release for each target, or say why there is none."""
    quiet = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with chronicled(settings, run) as chronicle, quiet, untagged():
        _stages(settings, chronicle)
    return chronicle.outcome


def untagged() -> TagsContext:
    """A block whose steps don't inherit the pipeline's tags: for each, Prefect would ask its server for a slot.

    That is a request a step, and now and then a wait of seconds.
    """
    return TagsContext(current_tags=set())


def _stages(settings: Settings, chronicle: Chronicle) -> None:
    """The four stages, as far as the run goes; the chronicle keeps what each one gave."""
    run, runner = chronicle.run, settings.orchestration.task_runner()
    prepared = chronicle.note(prepared=data.with_options(task_runner=runner)(settings.data, run))
    if not run.goes_past("data"):
        return
    recipes = plan(settings.optimization, settings.training.families, prepared.data_schema)
    trained = chronicle.note(trained=training.with_options(task_runner=runner)(prepared, settings.training, run))
    if not run.goes_past("training"):
        return
    candidates = chronicle.note(candidates=optimization.with_options(task_runner=runner)(
        trained, prepared, recipes, settings.optimization, run))
    if not run.goes_past("optimization"):
        return
    chronicle.note(deployed=deployment.with_options(task_runner=runner)(
        candidates, trained, prepared, settings.deployment, settings.targets, chronicle.lineage, run, chronicle.keep))
