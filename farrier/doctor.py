"""`farrier doctor`: what is fine here, what is not, and the command that mends it."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated

from cyclopts import Parameter

from farrier.checks import CHECKS, REINSTALL, Finding, in_checkout


def doctor(*, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Look at Python, packages, extras, disk, settings and servers; exit with 1 where something is not fine.

    Examples
    --------
      farrier doctor
      farrier doctor --json

    Parameters
    ----------
    json
        Print the findings as JSON.

    """
    findings = examined(CHECKS)
    if json:
        print(json_module.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        _show(findings)
    return 0 if all(finding.fine for finding in findings) else 1


def examined(checks: Sequence[Callable[[], Iterator[Finding]]]) -> list[Finding]:
    """What all checks find, in their order; they look at the same time, and a terminal is told which still do."""
    looking = [check.__name__ for check in checks]
    with _watched(looking) as ended, ThreadPoolExecutor(len(checks)) as pool:
        def look(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
            found = list(looked_at(check))
            ended(check.__name__)
            return found

        return [finding for found in pool.map(look, checks) for finding in found]


@contextmanager
def _watched(looking: list[str]) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being looked at; gives what takes a name off."""
    from rich.console import Console

    console = Console(stderr=True)

    def ended(name: str) -> None:
        looking.remove(name)
        if console.is_terminal and looking:
            status.update(f"looking at {', '.join(looking)}")

    status = console.status(f"looking at {', '.join(looking)}")
    if not console.is_terminal:
        yield ended
        return
    with status:
        yield ended


def looked_at(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds; that a package which it needs cannot be imported is a finding too."""
    try:
        yield from check()
    except ImportError as problem:
        yield Finding(check.__name__, fine=False, found=str(problem), mend=in_checkout(REINSTALL))


def _show(findings: list[Finding]) -> None:
    from farrier.screen import console as screen
    from tasks.calling import as_called

    console = screen()
    for finding in findings:
        mark, style = ("ok ", "green") if finding.fine else ("bad", "red")
        console.print(f"[{style}]{mark}[/] {finding.what:<24}", end="")
        console.print(as_called(finding.found), markup=False, highlight=False, soft_wrap=True)
        if not finding.fine:
            console.print(f"    mend it: {as_called(finding.mend)}", markup=False, highlight=False, soft_wrap=True)
