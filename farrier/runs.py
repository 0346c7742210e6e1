"""`farrier runs`: what ran and how it ended."""

from __future__ import annotations

import json as json_module
import logging
import textwrap
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number


def runs(
    project: str | None = None, /, *, limit: Annotated[int, Parameter(validator=Number(gte=1))] = 20,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """What ran, when, and how it ended, newest first.

    Examples
    --------
      farrier runs
      farrier runs digits --limit 5
      farrier runs --json

    Parameters
    ----------
    project
        Only runs of this project.
    limit
        How many at most.
    json
        Print the summaries as JSON.

    """
    from farrier.known import must_exist
    from flows.run import summaries
    from tasks.telling import heard

    if project:
        must_exist(project)
    with heard(logging.StreamHandler()):
        found = summaries(project)[:limit]
    if json:
        print(json_module.dumps([summary.model_dump(mode="json") for summary in found], indent=1))
        return 0
    _show(found, project)
    return 0


def _short(error: str) -> str:
    """The first line of what ended a run, as far as a table has room."""
    return textwrap.shorten(next(iter(error.splitlines()), ""), 60, placeholder=" …")


def _show(found: list, project: str | None) -> None:  # type: ignore[type-arg]
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from farrier.screen import console

    out = console()
    if not found:
        from tasks.calling import command

        out.print(f"Nothing ran yet. Begin with: {command()} run {project or 'digits'}", highlight=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "project", "status", "seconds", "champion", "released", "refused", "error"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for one in found:
        table.add_row(one.key, one.project, one.status, f"{one.seconds:.0f}", one.champion,
                      ", ".join(f"{r.target} v{r.version}" for r in one.releases),
                      ", ".join(r.target for r in one.refusals), escape(_short(one.error)))
    out.print(table)
