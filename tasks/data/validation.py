"""Great Expectations over typed rows: which of them to quarantine, and whether the table may be trained on at all.

The library drops a mistyped expectation without a word and reports success, so each name and argument is checked
against what is registered, and what was asked is compared with what ran.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from tasks.data.casting import Complaint
from tasks.data.settings import Expectation
from tasks.errors import ExpectationsFailed, SettingsError
from tasks.records import Json, canonical_json

COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


class Findings(NamedTuple):
    """What the suite found: rows to quarantine, and every expectation's result as plain data."""

    complaints: tuple[Complaint, ...]
    results: list[Json]


def validate(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> Findings:
    """Run the suite over typed rows, whose index is their number in the snapshot.

    Raises SettingsError for an expectation that cannot be run, ExpectationsFailed where the table must not be used.
    """
    if not expectations:
        return Findings((), [])  # the library takes seconds to import
    outcomes = _run(frame, {_spelled(e): _built(e, list(frame.columns)) for e in expectations})
    if missing := {_spelled(e) for e in expectations} - outcomes.keys():
        raise SettingsError(f"{sorted(missing)} were asked for and did not run. Check them under data.expectations.")
    pairs = [(expectation, outcomes[_spelled(expectation)]) for expectation in expectations]
    _refuse_what_cannot_run(pairs)
    _stop_on_failures(pairs)
    return Findings(tuple(_complaints(frame, pairs)), [_result(*pair) for pair in pairs])


def _spelled(expectation: Expectation) -> str:
    """Type and arguments as text: the library runs two that agree in these only once."""
    return f"{expectation.type} {canonical_json(expectation.kwargs)}"


def _library() -> Any:
    """Great Expectations, silent: it reads this variable when it is imported."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def _built(expectation: Expectation, columns: Sequence[str]) -> Any:
    """The library's own object. Raises SettingsError for an unknown type, argument or column, with the nearest."""
    _library()
    from great_expectations.expectations import core  # noqa: F401 - importing it registers the types
    from great_expectations.expectations.registry import (
        get_expectation_impl,
        list_registered_expectation_implementations,
    )

    _must_be_known("expectation", expectation.type, list_registered_expectation_implementations())
    made = get_expectation_impl(expectation.type)
    for argument in expectation.kwargs:
        _must_be_known(f"argument of {expectation.type}", argument, made.__fields__)
    for name in _columns_in(expectation):
        _must_be_known(f"column in {expectation.type}", name, columns)
    try:
        return made(**expectation.kwargs)
    except ValueError as problem:
        raise SettingsError(f"{_spelled(expectation)} is impossible: {' '.join(str(problem).split())}. Mend it under "
                            f"data.expectations.") from problem


def _must_be_known(what: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0)
        raise SettingsError(f"{name!r} is no {what}. The nearest is {near[0] if near else 'none'!r}: mend it under "
                            f"data.expectations.")


def _columns_in(expectation: Expectation) -> list[str]:
    """Every column that the arguments name."""
    named: list[str] = []
    for argument in COLUMN_ARGUMENTS:
        value = expectation.kwargs.get(argument)
        named += [str(name) for name in value] if isinstance(value, list) else [value] if isinstance(value, str) else []
    return named


def _run(frame: pd.DataFrame, suite: dict[str, Any]) -> dict[str, Any]:
    """Each expectation's outcome, under the key that it was given with."""
    library = _library()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = library.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
    expected = library.ExpectationSuite(name="conf")
    for key, expectation in suite.items():
        expected.add_expectation(expectation.copy(update={"meta": {"key": key}}))
    complete = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
    found = batch.validate(expected, result_format=complete)
    return {outcome.expectation_config.meta["key"]: outcome for outcome in found.results}


def _refuse_what_cannot_run(pairs: Sequence[tuple[Expectation, Any]]) -> None:
    """Raise SettingsError for an expectation that met an exception, as a range asked of texts does."""
    for expectation, outcome in pairs:
        if problem := _exception(outcome.exception_info):
            raise SettingsError(f"{_spelled(expectation)} cannot be run: {problem[:300]}. Mend it under "
                                f"data.expectations.")


def _exception(found: dict[str, Any]) -> str:
    """The library gives one message, or one for each number that it could not compute."""
    each = [found, *(value for value in found.values() if isinstance(value, dict))]
    return next((str(info["exception_message"]) for info in each if info.get("exception_message")), "")


def _stop_on_failures(pairs: Sequence[tuple[Expectation, Any]]) -> None:
    """Raise for each that broke on the table as a whole, was told to stop, or has more bad rows than it tolerates."""
    broken = []
    for expectation, outcome in pairs:
        by_row = "unexpected_index_list" in outcome.result
        if not outcome.success and (expectation.severity == "stop" or not by_row or "mostly" in expectation.kwargs):
            broken.append(f"{_spelled(expectation)}: {_observed(outcome)}")
    if broken:
        raise ExpectationsFailed(f"the data broke {len(broken)} expectation(s), and nothing was trained on it: "
                                 f"{'; '.join(broken)}. Mend the source, or the limits under data.expectations.")


def _observed(outcome: Any) -> str:
    result = outcome.result
    if "unexpected_count" in result:
        examples = result["partial_unexpected_list"][:3]
        return f"{result['unexpected_count']} of {result['element_count']} rows, as {examples}"
    return f"observed {result.get('observed_value')}"


def _complaints(frame: pd.DataFrame, pairs: Sequence[tuple[Expectation, Any]]) -> Iterable[Complaint]:
    """The rows that each failed expectation found fault with, and the values that it looked at there."""
    for expectation, outcome in pairs:
        rows = tuple(dict.fromkeys(outcome.result.get("unexpected_index_list") or ()))
        if rows and not outcome.success:
            columns = _columns_in(expectation)
            cells = frame.loc[list(rows), columns].itertuples(index=False)
            check, named = f"breaks {expectation.type}", ", ".join(columns)
            words = tuple(f"{named}: {', '.join(map(str, row))[:60]} {check}" for row in cells)
            yield Complaint(named, check, rows, words)


def _result(expectation: Expectation, outcome: Any) -> Json:
    counts = {key: outcome.result[key] for key in ("element_count", "unexpected_count") if key in outcome.result}
    return {**expectation.model_dump(mode="json"), "success": bool(outcome.success), **counts,
            "observed": str(outcome.result["observed_value"]) if "observed_value" in outcome.result else None}
