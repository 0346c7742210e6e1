"""`farrier verify`: whether a package is what somebody we trust signed, and still answers as it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from farrier.screen import console

if TYPE_CHECKING:
    from tasks.deployment.remeasuring import Remeasured

DONE, FAILED = 0, 1


def verify(
    subject: str, /, *,
    target: str | None = None,
    measure: Annotated[bool, Parameter(negative=())] = False,
    key: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Check a package, or what a project serves: digests, signature, golden rows. Needs no network.

    Exit codes: 0 all hold, 1 one does not, or misses a budget when measured here, 2 usage.

    Examples
    --------
      farrier verify digits
      farrier verify digits --target cpu-tiny --measure
      farrier verify ./package --key production.pem --json

    Parameters
    ----------
    subject
        A project, or the folder of a package.
    target
        One target of the project; all of them when none is named.
    measure
        Measure the package again on this machine and compare with what it says.
    key
        A PEM file of a public key to trust in place of those of the settings; may be given again and again.
    json
        Print what was found as JSON.

    """
    from farrier.trust import packages, trusted

    folders, project = packages(subject, target)
    keys = trusted(project, key)
    found = [_checked(folder, digest, keys, measure=measure) for folder, digest in folders.items()]
    _show(found, json=json)
    return FAILED if any(each["measured"] and each["measured"].misses for each in found) else DONE


def _checked(folder: Path, digest: str | None, keys: tuple[Path, ...], *, measure: bool) -> dict[str, Any]:
    from serving import package
    from serving.signature import read_keys
    from tasks.deployment.remeasuring import remeasure

    opened = package.open_package(folder, read_keys(keys), digest=digest)
    said = opened.manifest
    return {"folder": str(folder), "project": said["project"], "target": said["target"],
            "candidate": said["candidate"], "digest": opened.digest, "key": opened.key,
            "files": len(said["files"]), "golden_rows": package.replay(opened),
            "measured": remeasure(folder) if measure else None}


def _show(found: list[dict[str, Any]], *, json: bool) -> None:
    import json as text

    if json:
        print(text.dumps(found, indent=1, default=lambda record: record.model_dump(mode="json")))
        return
    screen = console()
    for each in found:
        screen.print(f"[bold]{each['project']} for {each['target']}: {each['candidate']}[/bold]")
        screen.print(f"  digests     {each['files']} files as in the manifest {each['digest'][:12]}")
        screen.print(f"  signature   by {each['key']}, which is trusted")
        screen.print(f"  golden rows {each['golden_rows']} answered as when it was packed")
        if each["measured"]:
            screen.print(_table(each["measured"]))
            _show_misses(each["measured"])


def _table(measured: Remeasured) -> Any:
    from rich import box
    from rich.table import Table

    machine = "the same machine" if measured.same_machine else "another machine"
    table = Table("", "as packed", "here", title=f"measured again, on {machine}", box=box.SIMPLE_HEAD,
                  title_justify="left", pad_edge=False)
    for figure in measured.figures:
        table.add_row(figure.name, str(figure.then), str(figure.now))
    return table


def _show_misses(measured: Remeasured) -> None:
    for miss in measured.misses:
        console().print(f"  {miss.what} is {miss.value:.4g} here; the target's budget is {miss.allowed}",
                        style="red")
