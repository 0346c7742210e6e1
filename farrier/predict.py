"""`farrier predict`: a file of rows in, the rows with their predictions out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tasks.errors import DataError, SettingsError

if TYPE_CHECKING:
    from serving.package import Package
    from serving.prediction import Answered
    from tasks.deployment.prediction import Predicted
    from tasks.records import Release

FormatName = Literal["csv", "json", "parquet"]
ENDINGS = (".csv", ".jsonl", ".ndjson", ".parquet", ".pq")
DONE, FAILED = 0, 1


def predict(
    project: str, source: Annotated[Path, Parameter(allow_leading_hyphen=True)], /, *,
    target: str | None = None,
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("-"),
    format: Annotated[FormatName | None, Parameter(name="--format")] = None,  # noqa: A002  what users call it
    log: Annotated[bool, Parameter(negative=())] = False,
    key: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Predict for every row of a file with what a project serves; the rows come out with their predictions.

    A row that cannot be read comes out with the reason in its column `error`, and the others go on. Exit codes: 0 every
    row was answered, 1 some were not, 2 usage.

    Examples
    --------
      farrier predict churn new.csv --output answers.csv
      farrier predict churn new.parquet --target cpu-tiny --output answers.parquet --log
      echo '{"age": 41, "plan": "basic"}' | farrier predict churn -

    Parameters
    ----------
    project
        A project that has released.
    source
        CSV, Parquet or JSON (lines, or one array), with .gz where it is zipped; - reads JSON lines from a pipe.
    target
        Whose release answers; needed where the project serves several targets.
    output
        The file to write, in the format that its name tells: .csv, .jsonl or .ndjson (JSON lines), .parquet or .pq;
        printed when none is named.
    format
        The format of the input, where its name does not tell.
    log
        Keep what was asked and answered, for monitoring.
    key
        A PEM file of a public key to trust in place of those of the settings; may be given again and again.
    json
        Print JSON: the rows as lines, or with --output what came of them.

    """
    from farrier.known import served
    from farrier.trust import trusted
    from serving.package import open_package
    from serving.signature import read_keys
    from tasks.deployment import prediction
    from tasks.store import path_of

    release = served(project, target)
    _must_be_readable(source, format)
    _must_be_writable(output)
    package = open_package(path_of(release.package), read_keys(trusted(project, key)),
                           digest=release.package.sha256)
    done = prediction.predict(package, source, output, source_format=format,
                              output_format="json" if json and output == Path("-") else None,
                              seen=_logging(release, package) if log else lambda _: None)
    _show(done, release, output, json=json)
    return FAILED if done.rejected else DONE


def _must_be_readable(source: Path, format: FormatName | None) -> None:  # noqa: A002
    """Raise SettingsError for an input that is not there, or whose format nothing tells."""
    from farrier.known import must_be_a_file
    from tasks.deployment.streams import PIPE, format_of

    if source != PIPE:
        must_be_a_file(source, "Name a file of rows, or - for standard input.")
    try:
        format or format_of(source)
    except DataError as problem:
        raise SettingsError(str(problem)) from None


def _must_be_writable(output: Path) -> None:
    """Raise SettingsError for an output whose name promises what would not be written."""
    if output == Path("-") or output.suffix.lower() in ENDINGS:
        return
    if output.suffix.lower() == ".json":
        raise SettingsError(f"--output {output}: rows are written as JSON lines, one object a line, and no array. Name "
                            f"it {output.with_suffix('.jsonl')}")
    raise SettingsError(f"--output {output}: its name does not tell what to write; these endings do: "
                        f"{', '.join(ENDINGS)}")


def _logging(release: Release, package: Package) -> Callable[[Answered], None]:
    from tasks.monitoring.log import append

    def keep(answered: Answered) -> None:
        append(release, answered.inputs, answered.answers, package.classes)

    return keep


def _show(done: Predicted, release: Release, output: Path, *, json: bool) -> None:
    from rich.console import Console

    if json and output != Path("-"):
        print(done.model_dump_json(indent=1))
        return
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    where = "" if output == Path("-") else f" in {output}"
    told.print(f"{done.rows:,} rows{where} by {release.project} for {release.target}, v{release.version}", markup=False)
    if done.rejected:
        told.print(f"{done.rejected:,} could not be read; the first: {done.example}", style="red", markup=False)
