"""`farrier targets`: where a model may be sent, and what of it this machine can do."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from tasks.deployment.target import Target


def targets(*, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """The targets, and which of them this machine can build and measure.

    Examples
    --------
      farrier targets
      farrier targets --json

    Parameters
    ----------
    json
        Print them as JSON.

    """
    from conf.settings import load_target, target_names
    from tasks.deployment.hardware import fingerprint

    known = [load_target(name) for name in target_names()]
    if json:
        print(json_module.dumps({"machine": fingerprint().model_dump(mode="json"),
                                 "targets": [_facts(target) for target in known]}, indent=1))
        return 0
    _show(known)
    return 0


def _facts(target: Target) -> dict[str, object]:
    return {**target.model_dump(mode="json"), "releasable": target.runtime.releasable,
            "missing": target.runtime.available()}


def _show(known: list[Target]) -> None:
    from rich import box
    from rich.table import Table

    from farrier.screen import console
    from tasks.deployment.hardware import fingerprint
    from tasks.deployment.target import threads_of
    from tasks.report import words

    out, machine = console(), fingerprint()
    out.print(f"This machine: {machine.cpu}, {machine.cores} cores, {words.size(machine.memory_bytes)}; "
                  f"{' '.join(machine.isa)}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("target", "runtime", "threads", "scenario", "budgets", "here"):
        table.add_column(name)
    for target in known:
        budgets = ", ".join(f"{name}={value:g}" for name, value in target.budgets if value is not None)
        here = target.runtime.available() or ("build, measure, release" if target.runtime.releasable
                                              else "build, measure; a reference, never released")
        table.add_row(target.name, target.runtime.kind, str(threads_of(target)), target.scenario, budgets or "none",
                      here)
    out.print(table)
