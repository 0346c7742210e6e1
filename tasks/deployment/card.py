"""The model card of a package: what the model is, what it was shown to do, and where it must not be trusted.

After Mitchell et al., Model Cards for Model Reporting (2019), https://arxiv.org/abs/1810.03993
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.records import spelled

Facts = Mapping[str, Any]
NUMBERS = (("latency_p50_ms", "latency p50, ms"), ("latency_p99_ms", "latency p99, ms"),
           ("throughput_per_s", "rows per second"), ("cpu_s_per_1000", "CPU seconds per 1,000 rows"))


def card(facts: Facts) -> str:
    """Markdown from what the manifest says, and from nothing else: the card cannot contradict it."""
    sections = (_what, _trained_on, _measured, _certified, _limits, _origin)
    return "\n".join(line for section in sections for line in (*section(facts), ""))


def _what(facts: Facts) -> Iterator[str]:
    schema, chain = facts["schema"], [technique["kind"] for technique in facts["recipe"]["chain"]]
    yield f"# {facts['project']} for {facts['target']}: {facts['candidate']}"
    yield ""
    yield (f"A {schema['task']} model of the family {facts['family']} that predicts `{schema['target']['name']}` from "
           f"{_inputs(schema)}.")
    yield (f"Made by the recipe {facts['recipe']['name']} ({' → '.join(chain) or 'nothing applied'}); runs in "
           f"{facts['runtime']['kind']} on {facts['runtime']['threads']} thread(s).")
    if schema["task"] != "regression":
        yield f"Classes, in the order of the probabilities: {', '.join(schema['target']['categories'])}."


def _inputs(schema: Facts) -> str:
    features = [column for column in schema["columns"] if column["kind"] in ("number", "category")]
    if schema["input"] == "image":
        return f"images of {' by '.join(map(str, schema['shape']))} pixels"
    return f"{len(features)} columns: " + ", ".join(f"`{column['name']}`" for column in features)


def _trained_on(facts: Facts) -> Iterator[str]:
    rows = facts["rows"]
    yield "## Trained on"
    yield ""
    yield (f"{rows['train']:,} rows; {rows['validation']:,} chose it, {rows['test']:,} certified it, "
           f"{rows['quarantine']:,} were set aside as faulty. Data sha256 `{facts['lineage']['data']}`.")


def _measured(facts: Facts) -> Iterator[str]:
    measurement = facts["measurement"]
    machine = measurement["fingerprint"]
    yield "## Measured"
    yield ""
    yield from _table(("number", "value", "interval", "evidence"), [
        *((words, *_estimate(measurement[name]), measurement["evidence"]) for name, words in NUMBERS),
        ("memory, MB", f"{measurement['memory_bytes'] / 1e6:.1f}", "", measurement["evidence"]),
        ("size, kB", f"{measurement['size_bytes'] / 1e3:.1f}", "", measurement["evidence"]),
        (f"{facts['verdict']['overall']['metric']} on validation", *_estimate(measurement["quality"]),
         measurement["evidence"]),
    ])
    yield ""
    yield (f"On {machine['cpu']}, {machine['cores']} core(s), {machine['system']}; scenario {measurement['scenario']}"
           f"{', in runs shorter than the rules of MLPerf ask' if measurement['shortened'] else ''}.")


def _certified(facts: Facts) -> Iterator[str]:
    verdict = facts["verdict"]
    yield "## Certified"
    yield ""
    yield f"**{verdict['outcome']}** against the champion, on the same test rows:"
    yield ""
    yield from _table(("rows", "metric", "this", "champion", "drop at most", "margin", "outcome"), [
        (c["name"], c["metric"], f"{c['candidate']:.4g}", f"{c['champion']:.4g}", f"{c['drop']['high']:.4g}",
         f"{c['margin']:.4g}", c["outcome"] + (" (advisory)" if c["advisory"] else ""))
        for c in (verdict["overall"], *verdict["slices"])])


def _limits(facts: Facts) -> Iterator[str]:
    columns = [column for column in facts["schema"]["columns"] if column["kind"] == "number"]
    bounded = [c for c in columns if c["low"] is not None and c["high"] is not None]
    yield "## Limits"
    yield ""
    yield "- Nothing is known about rows unlike those that it was trained on; the drift profile says what those were."
    if facts["schema"]["input"] == "rows":
        yield from (f"- `{c['name']}`: trained on {c['low']:g} to {c['high']:g}." for c in bounded)
    yield (f"- Its answers equal those of the model before export within {facts['parity']['largest_difference']:.2g} "
           f"on {facts['parity']['rows']:,} rows (allowed: {facts['parity']['tolerance']:.2g}).")
    yield from (f"- {c['name']}: {c['outcome']} (drop at most {c['drop']['high']:.4g}, margin {c['margin']:.4g})."
                for c in facts["verdict"]["slices"] if c["outcome"] != "pass")
    yield "- Latency was measured on the machine above; another gives others, as `--measure` of `farrier verify` shows."


def _origin(facts: Facts) -> Iterator[str]:
    yield "## Lineage"
    yield ""
    yield from (f"- {name}: `{value or 'unknown'}`" for name, value in sorted(facts["lineage"].items()))


def _estimate(estimate: Facts) -> tuple[str, str]:
    value, low, high = (spelled(estimate[name]) for name in ("value", "low", "high"))
    return value, f"{low} to {high} ({estimate['level']:.0%})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _line(head)
    yield _line(["---"] * len(head))
    yield from (_line(row) for row in rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
