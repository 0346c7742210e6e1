"""A project's first YAML file, written from a proposal: every choice with what speaks for it, for a person to edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from tasks.data.evidence import plain
from tasks.data.proposal import Proposal
from tasks.deployment.planning import Plan
from tasks.records import Record
from tasks.training.settings import EVERY_FAMILY

TARGETS = ("cpu-server", "cpu-single-core", "cpu-tiny")
FEW_ROWS = 200  # to train on: below, a network learns them by heart
RECIPES: dict[str, dict[str, Any]] = {
    "champion": {"name": "keep", "chain": [{"kind": "keep"}]},
    "linear": {"name": "linear", "start": "linear", "chain": [{"kind": "keep"}]},
    "forest": {"name": "forest-25", "start": "forest", "chain": [{"kind": "trim", "share": 0.25}]},
    "boosting": {"name": "boosting-50", "start": "boosting", "chain": [{"kind": "trim", "share": 0.5}]},
    "mlp": {"name": "mlp-int8", "start": "mlp", "chain": [{"kind": "quantize", "method": "static"}]},
}
PRUNED = {"name": "mlp-half", "start": "mlp", "chain": [{"kind": "prune", "ratio": 0.5}]}
DISTILLED = {"name": "distilled", "chain": [{"kind": "distill"}]}


def draft(name: str, proposal: Proposal, plan: Plan) -> str:
    """The text of conf/projects/NAME.yaml. It loads as it is."""
    return "\n".join([*_head(name, proposal), *_data(proposal), *_training(proposal, plan), *_deployment(plan),
                      "targets:", *(f"  {target}: {{}}" for target in TARGETS)]) + "\n"


def families(proposal: Proposal) -> tuple[str, ...]:
    """The kinds of models that can learn from such rows."""
    suited = (family.kind for family in EVERY_FAMILY if family.suits(proposal.data_schema))
    return tuple(kind for kind in suited if kind != "mlp" or proposal.rows.train >= FEW_ROWS)


def inline(value: Any) -> str:
    """A value as YAML in one line.

    >>> inline({"kind": "file", "delimiter": ";", "categories": ["no", "yes"]})
    "{kind: file, delimiter: ;, categories: ['no', 'yes']}"
    """
    return yaml.safe_dump([value], default_flow_style=True, sort_keys=False, allow_unicode=True,
                          width=10**9).strip()[1:-1]


def _head(name: str, proposal: Proposal) -> Iterator[str]:
    read = [column for column in proposal.columns if column.declared.kind in ("number", "category")]
    yield f"# {name}: proposed from {proposal.rows.total:,} rows. Edit freely: beside each choice stands its reason."
    yield f"description: {inline(f'Predict {plain(proposal.data.target)} from {len(read)} columns.')}"


def _data(proposal: Proposal) -> Iterator[str]:
    data, rows = proposal.data, proposal.rows
    yield "data:"
    yield f"  source: {inline(_stated(data.source))}"
    yield f"  target: {inline(data.target)}   # {proposal.target_evidence}"
    yield f"  task: {data.task}{_classes(proposal)}"
    yield from _suspected(proposal)
    if proposal.ignored:
        yield "  ignore:"
        yield from (f"    - {inline(name)}   # {reason}" for name, reason in proposal.ignored.items())
    yield "  columns:   # models read numbers and categories; times and identifiers only split and join"
    for column in proposal.columns:
        yield f"    {inline(column.name)}: {inline(_stated(column.declared))}   # {column.evidence}"
    if proposal.uneven:
        yield f"  # look: {proposal.uneven}."
    split = {name: value for name, value in data.split.model_dump(mode="json").items() if value}
    yield (f"  split: {inline(split)}   # {rows.train:,} train, {rows.validation:,} validation, {rows.test:,} test, "
           f"{rows.quarantine:,} in quarantine")
    yield "  expectations:   # true of all rows today, with room to spare; rows that break one go to quarantine"
    yield from (f"    - {inline(_stated(expectation))}" for expectation in data.expectations)


def _classes(proposal: Proposal) -> str:
    classes = proposal.data_schema.classes
    return f"   # in the order of the probabilities: {', '.join(map(plain, classes[:20]))}" if classes else ""


def _suspected(proposal: Proposal) -> Iterator[str]:
    yield from (f"  # may leak ({leak.sure}): {plain_line(leak.saw)}. To mend it: {plain_line(leak.remedy)}"
                for leak in proposal.leaks)


def _training(proposal: Proposal, plan: Plan) -> Iterator[str]:
    kinds = families(proposal)
    yield "training:"
    yield f"  primary: {plan.primary}   # the metric that decides"
    yield f"  families: {inline([{'kind': kind} for kind in kinds])}"
    yield "optimization:"
    yield "  recipes:   # each is a way to a smaller or faster model; the measurements decide"
    yield from (f"    - {inline(recipe)}" for recipe in _recipes(kinds))


def _recipes(kinds: Sequence[str]) -> list[dict[str, Any]]:
    fitting = [recipe for start, recipe in RECIPES.items() if start in ("champion", *kinds)]
    return [*fitting, PRUNED, DISTILLED] if "mlp" in kinds else fitting


def _deployment(plan: Plan) -> Iterator[str]:
    yield "deployment:"
    yield f"  margin: {inline(_stated(plan.margin))}   # {plain_line(plan.evidence)}"
    if plan.slices:
        yield "  slices:   # reported; take advisory out of one that must hold"
        yield from (f"    - {inline(_stated(part))}" for part in plan.slices)


def plain_line(text: str) -> str:
    """Text that cannot end a comment."""
    return " ".join(text.split())


def _stated(record: Record) -> dict[str, Any]:
    """A record's fields that are not at their defaults, its kind first."""
    changed = record.model_dump(mode="json", exclude_defaults=True)
    return {"kind": record.kind, **changed} if hasattr(record, "kind") else changed
