"""MLPerf LoadGen as a schedule: it says which row is asked when, and each answer is timed where it is given.

LoadGen's own clock runs from its C++ thread through the interpreter's lock and two callbacks. That adds some 2 µs to a
query, as much as a quarter of what a small graph takes. So a runtime is timed inside the callback, and what LoadGen
adds is measured beside it with a runtime that does nothing. One LoadGen test costs 31 ms before its first query:
therefore one test serves a whole round, in which the candidates take turns.
Its parameters are MLPerf's but for the length of a run, so results are called shortened.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Answer = Callable[[list[int]], None]
SUMMARY = "mlperf_log_summary.txt"
MEDIAN = "50.00 percentile latency (ns)"


def drive(scenario: Literal["single-stream", "offline"], answer: Answer, *, samples: int, rows: int,
          seed: int) -> float:
    """Let LoadGen ask for this many samples of so many rows; give its own median latency in ms.

    single-stream: one query a sample, the next when it is answered. offline: all samples in one query.
    `answer` gets the asked rows' numbers. What it raises is raised here when LoadGen has ended: thrown through its C++
    it would abort the process.
    """
    import mlperf_loadgen as loadgen

    failures: list[Exception] = []

    def issue(queries: list[Any]) -> None:
        if not failures:
            try:
                answer([query.index for query in queries])
            except Exception as problem:  # noqa: BLE001  nothing may unwind through C++; it is raised below
                failures.append(problem)
        loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(query.id, 0, 0) for query in queries])

    with tempfile.TemporaryDirectory(prefix="farrier-loadgen-") as logs:
        _run(issue, _settings(scenario, samples, seed), rows, Path(logs))
        if failures:
            raise failures[0]
        return _median_ms((Path(logs) / SUMMARY).read_text())


def _run(issue: Callable[[list[Any]], None], settings: Any, rows: int, logs: Path) -> None:
    import mlperf_loadgen as loadgen

    system = loadgen.ConstructSUT(issue, _nothing)
    library = loadgen.ConstructQSL(rows, rows, _nothing, _nothing)
    try:
        loadgen.StartTestWithLogSettings(system, library, settings, _logging(logs), str(logs / "no-audit.config"))
    finally:
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(system)


def _settings(scenario: str, samples: int, seed: int) -> Any:
    import mlperf_loadgen as loadgen

    offline = scenario == "offline"
    settings = loadgen.TestSettings()
    settings.scenario = loadgen.TestScenario.Offline if offline else loadgen.TestScenario.SingleStream
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_query_count = settings.max_query_count = samples
    settings.min_duration_ms = 0  # the count decides: LoadGen would stop early at the number that it generated
    settings.offline_expected_qps = 1
    settings.sample_index_rng_seed = seed
    return settings


def _logging(logs: Path) -> Any:
    import mlperf_loadgen as loadgen

    output = loadgen.LogOutputSettings()
    output.outdir = str(logs)
    output.copy_summary_to_stdout = False
    settings = loadgen.LogSettings()
    settings.log_output = output
    settings.enable_trace = False
    return settings


def _nothing(*_: Any) -> None:
    """The rows are in memory already, and nothing is buffered that would have to be flushed."""


def _median_ms(summary: str) -> float:
    lines = (line.partition(":") for line in summary.splitlines())
    return next(int(value) for key, _, value in lines if key.strip() == MEDIAN) / 1e6
