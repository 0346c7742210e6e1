"""`farrier report`: the report of a run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def report(
    project: str, /, *, run: str | None = None, open: Annotated[bool, Parameter(negative=())] = False,  # noqa: A002
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Where the report of a project's latest run lies; or that of a run that is named.

    Examples
    --------
      farrier report digits
      farrier report digits --open
      farrier report digits --run 20260102-030405-a1b2c3 --json

    Parameters
    ----------
    project
        The project.
    run
        The run, as `farrier runs` lists it; its beginning is enough. The latest with a report when nothing is said.
    open
        Open it in the browser.
    json
        Print the run's summary, with the report's path, as JSON.

    """
    from farrier.known import must_exist
    from flows.run import summaries
    from tasks.errors import FarrierError, SettingsError

    must_exist(project)
    named = [one for one in summaries(project) if one.key.startswith(run or "")]
    found = [one for one in named if one.report]
    if run and not named:
        raise SettingsError(f"there is no run {run!r} of {project}. Those that ran: farrier runs {project}")
    if not found:
        raise FarrierError(f"no run of {project}{f' named {run}' if run else ''} has a report. "
                           f"Those that ran: farrier runs {project}")
    print(found[0].model_dump_json(indent=1) if json else found[0].report)
    if open:
        import webbrowser
        from pathlib import Path

        webbrowser.open(Path(found[0].report).as_uri())
    return 0
