"""`farrier new`: a file of rows in, a project to run out."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tasks.calling import command
from tasks.errors import SettingsError
from tasks.records import TaskKind

if TYPE_CHECKING:
    from tasks.data.looking import Wish
    from tasks.data.proposal import Proposal
    from tasks.data.sources.file import File
    from tasks.deployment.planning import Plan

DONE = 0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def new(
    name: str, /, *,
    data: str,
    target: str,
    task: TaskKind | None = None,
    test: str | None = None,
    time: str | None = None,
    group: str | None = None,
    delimiter: str | None = None,
    columns: str | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    force: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Profile a file of rows and write a project for it, every choice with what speaks for it.

    Reads CSV, Parquet or JSON lines, packed or not. Nothing is trained. Exit codes: 0 written, 1 the rows cannot be
    learned from, 2 usage.

    Examples
    --------
      farrier new churn --data churn.csv --target churned
      farrier new churn --data churn.csv.gz --target churned --time joined --dry-run
      farrier new visits --data visits.parquet --target cost --group patient
      farrier new census --data train.csv --test test.csv --target income --columns census.names

    Parameters
    ----------
    name
        Of the project: letters, digits, - and _.
    data
        The file: a local path, or any fsspec URL.
    target
        The column to predict.
    task
        What kind of prediction; found out from the target's values when it is not said.
    test
        A second file of the same columns, published as the test: its rows are, and no others.
    time
        Split by this column's order: the latest rows are the test.
    group
        Split by this column: all rows of a customer, say, stay on one side. Models do not read it.
    delimiter
        Between the values of a CSV file; found out when it is not said.
    columns
        The names of the columns, as a,b,c or as a file that lists them, for a CSV file whose first line holds values.
    dry_run
        Print the project and write nothing.
    force
        Replace a project of this name.
    json
        Print what was decided as JSON.

    """
    from conf.draft import draft
    from tasks.data.looking import ORIGIN, Wish
    from tasks.deployment.planning import plan

    if sum(map(bool, (time, group, test))) > 1:
        raise SettingsError("--time, --group and --test each say how to split: choose one")
    file = _place(name, force=force)
    source = _source(data, delimiter, _names(columns, target))
    if test:
        source = source.model_copy(update={"path": (str(source.path), _path("--test", test)), "origin": ORIGIN})
    proposal = _proposed(source, Wish(target=target, task=task, time=time, group=group,
                                      test=PurePath(test).name if test else None))
    planned = plan(proposal)
    text = draft(name, proposal, planned)
    if not dry_run:
        _write(file, text)
    _show(name, None if dry_run else file, text, proposal, planned, json=json)
    return DONE


def _place(name: str, *, force: bool) -> Path:
    """Where the project will stand. Raises SettingsError for a name that is none, or taken."""
    from conf.settings import project_folders, projects

    if not NAME.fullmatch(name):
        raise SettingsError(f"{name!r} cannot name a project: use letters, digits, - and _, a letter or digit first.")
    known = projects()
    if name in known and not force:
        raise SettingsError(f"there is a project {name!r} already, in {known[name]}. Choose another name, or replace "
                            f"it with --force.")
    return project_folders()[0] / f"{name}.yaml"


def _path(option: str, data: str) -> str:
    """A file's absolute path, so that the project runs from anywhere; an address stays as it is."""
    from farrier.known import must_be_a_file
    from tasks.data.sniffing import format_of
    from tasks.data.sources.file import PACKED, SUFFIXES

    path = data if "://" in data else str(Path(data).expanduser().resolve())
    if "://" not in data:
        must_be_a_file(Path(path), f"Give {option} the file of rows: CSV, Parquet or JSON lines.")
    if not format_of(path):
        raise SettingsError(f"{option} {data}: its name does not tell the format; these endings do: "
                            f"{', '.join(SUFFIXES)}, and after them {', '.join(PACKED)}")
    return path


def _source(data: str, delimiter: str | None, names: list[str]) -> File:
    """The file as a source, its spelling found out."""
    from pydantic import ValidationError

    from conf.explain import explain
    from tasks.data.sniffing import sniffed
    from tasks.data.sources.file import File

    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"--columns: {', '.join(twice)} stands there twice. Each needs its own.")
    sign = {"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter)
    try:
        return sniffed(_path("--data", data), delimiter=sign, names=names)
    except ValidationError as invalid:
        raise SettingsError(explain(invalid, [("the command line", {})], File)) from None


def _names(columns: str | None, target: str) -> list[str]:
    """The names of the columns, as a,b,c or from a file: one a line, or `name: what it holds` as UCI's files have it.

    A list of attributes leaves out what is to be predicted, which is the last column then.
    """
    if not columns or not _is_file(columns):
        return [word.strip() for word in columns.split(",")] if columns else []
    try:
        lines = [line.strip() for line in Path(columns).expanduser().read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"--columns {columns} cannot be read: {problem}. Write it as UTF-8 text.") from None
    told = [line for line in lines if line and not line.startswith(("|", "#"))]
    described = [line.partition(":")[0].strip() for line in told if ":" in line]
    names = described or [word.strip() for line in told for word in line.split(",")]
    return names if target in names else [*names, target]


def _is_file(words: str) -> bool:
    try:
        return Path(words).expanduser().is_file()
    except OSError:  # a long list of names is no path at all
        return False


def _proposed(source: File, wish: Wish) -> Proposal:
    """Read the rows once, in a store that is gone afterwards."""
    from tasks.data.collection import collect
    from tasks.data.proposal import propose
    from tasks.data.settings import DataSettings
    from tasks.store import Store, state

    with tempfile.TemporaryDirectory(dir=state("tmp")) as folder:
        store = Store(Path(folder))
        return propose(source, wish, collect(DataSettings(source=source, target=wish.target), store), store)


def _write(file: Path, text: str) -> None:
    from conf.settings import load
    from tasks.store import whole_or_nothing

    with whole_or_nothing(file) as partial:
        partial.write_text(text, encoding="utf-8")
        partial.chmod(0o644)
    load(file.stem)


def _show(name: str, file: Path | None, text: str, proposal: Proposal, plan: Plan, *, json: bool) -> None:
    import json as json_text

    run = f"{command()} run {name}"
    if json:
        print(json_text.dumps({"project": name, "file": str(file or ""), **_facts(proposal, plan), "next": run},
                              indent=1))
        return
    if file is None:
        print(text, end="")
        return
    print("\n".join([*_told(proposal, plan), f"Written: {file}", f"Next: {run}"]))


def _facts(proposal: Proposal, plan: Plan) -> dict[str, object]:
    return {"target": proposal.data.target, "task": proposal.data_schema.task, "primary": plan.primary,
            "margin": plan.margin.model_dump(exclude_none=True), "rows": proposal.rows.model_dump(),
            "split": proposal.data.split.model_dump(mode="json"), "ignored": proposal.ignored,
            "columns": {note.name: note.declared.kind for note in proposal.columns},
            "leaks": [leak.model_dump() for leak in proposal.leaks],
            "uneven": proposal.uneven, "expectations": len(proposal.data.expectations),
            "slices": [part.column for part in plan.slices]}


def _told(proposal: Proposal, plan: Plan) -> list[str]:
    """What was decided, in a few lines."""
    from collections import Counter

    from conf.draft import families

    rows, kinds = proposal.rows, Counter(note.declared.kind for note in proposal.columns)
    columns = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    margin = f"{plan.margin.drop:g}" if plan.margin.drop is not None else f"{plan.margin.relative:.0%} of it"
    told = [
        f"{proposal.data.target}: {proposal.data_schema.task}, judged by {plan.primary} ({proposal.target_evidence})",
        f"Columns: {columns}" + (f"; left out: {', '.join(proposal.ignored)}" if proposal.ignored else ""),
        (f"Rows: {rows.total:,}, by {proposal.data.split.kind} {rows.train:,} to train, {rows.validation:,} to "
         f"validate, {rows.test:,} to test, {rows.quarantine:,} in quarantine"),
        f"Margin: {margin} ({plan.evidence}); families: {', '.join(families(proposal))}",
        (f"Expectations: {len(proposal.data.expectations)}; slices: "
         f"{', '.join(part.column for part in plan.slices) or 'none that the rows can show'}")]
    if proposal.uneven:
        told.append(f"Look: {proposal.uneven}.")
    told += [f"May leak ({leak.sure}): {leak.saw}. To mend it: {leak.remedy}" for leak in proposal.leaks]
    return told
