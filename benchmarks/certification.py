"""How often does certification err? Simulated models that are worse by just the margin, and models that are equal.

Accuracy: 10,000 tests for each number of rows, margin and discordance (a model worse by the margin has at least that
share of discordant rows). Beside the exact test stand Tango's score with the normal critical value, McNemar's test
("no significant difference, so it passes") and the percentile bootstrap; other metrics have the bootstrap-t beside
them. A rate is "above" where its whole 99 %
interval is; beside the simulated rates stand the computed ones, which have no error. Other metrics: models whose
answers are noisy copies of the champion's; the margin is their true drop. Power: equal models at the planned rows.

    .venv/bin/python benchmarks/certification.py [--quick]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from harness import Figure, run
from scipy import stats

from tasks.deployment import bootstrap, noninferiority, power
from tasks.deployment.certification import certify
from tasks.deployment.settings import DeploymentSettings, Margin, SliceSettings
from tasks.records import Column, Schema

Array = npt.NDArray[np.float64]
Passes = Callable[[npt.NDArray[np.int64], int, float], npt.NDArray[np.bool_]]
LEVEL, POWER = 0.95, 0.8
ROWS, DISCORDANCE, MARGINS = (170, 450, 2000, 16_000), (0.01, 0.02, 0.03, 0.05), (0.01, 0.02, 0.03)
RESAMPLES = 2000
RARE = 0.01


class Cell(NamedTuple):
    """One kind of test: on how many rows, at which margin, with which share of discordant rows."""

    rows: int
    margin: float
    discordance: float

    def __str__(self) -> str:
        return f"n={self.rows:,} margin={self.margin} discordance={self.discordance}"


def draw(cell: Cell, drop: float, tests: int, seed: int) -> npt.NDArray[np.int64]:
    """The (lost, gained) rows of so many tests of a model whose true drop is `drop`."""
    shares = [(cell.discordance + drop) / 2, (cell.discordance - drop) / 2, 1 - cell.discordance]
    return np.random.default_rng(seed).multinomial(cell.rows, shares, tests)[:, :2]


def exact(tables: npt.NDArray[np.int64], rows: int, margin: float) -> npt.NDArray[np.bool_]:
    """What certification does."""
    return np.asarray(tables[:, 0] <= noninferiority.passing_limits(rows, margin, LEVEL)[tables[:, 1]])


def tango(tables: npt.NDArray[np.int64], rows: int, margin: float) -> npt.NDArray[np.bool_]:
    return np.asarray(noninferiority.score(tables[:, 0], tables[:, 1], rows, margin) < -stats.norm.ppf(LEVEL))


def mcnemar(tables: npt.NDArray[np.int64], rows: int, margin: float) -> npt.NDArray[np.bool_]:  # noqa: ARG001
    """The exact one: a model passes because it is not shown to be worse at all."""
    lost, gained = tables.T
    return np.asarray(stats.binom.sf(lost - 1, np.maximum(lost + gained, 1), 0.5) > 1 - LEVEL)


def percentile(tables: npt.NDArray[np.int64], rows: int, margin: float) -> npt.NDArray[np.bool_]:
    """The bootstrap's 95th percentile of the drop is below the margin."""
    unique, place = np.unique(tables, axis=0, return_inverse=True)
    generator = np.random.default_rng(0)
    passes = np.empty(len(unique), dtype=bool)
    for i, (lost, gained) in enumerate(unique):
        again = generator.binomial(rows, lost / rows, 1000)
        drops = again - generator.binomial(rows - again, gained / (rows - lost))
        passes[i] = np.quantile(drops, LEVEL) < margin * rows
    return passes[place.ravel()]


METHODS: dict[str, Passes] = {"exact": exact, "tango": tango, "mcnemar": mcnemar, "percentile": percentile}


def rate(what: str, hits: npt.NDArray[np.bool_]) -> Figure:
    """A simulated rate with its 99 % interval (Clopper and Pearson)."""
    found = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(0.99)
    return Figure(what, float(hits.mean()), low=float(found.low), high=float(found.high))


def above(what: str, rates: list[Figure], limit: float) -> Figure:
    """How many of the rates are above a limit with all of their interval."""
    return Figure(f"{what}: of {len(rates)}, above {limit:.0%}", sum((r.low or 0.0) > limit for r in rates))


def false_passes(tests: int) -> Iterator[Figure]:
    """Every cell by every method; those that are no tests of a margin must be seen to fail."""
    cells = [Cell(*each) for each in product(ROWS, MARGINS, DISCORDANCE) if each[2] >= each[1]]
    rates: dict[str, list[Figure]] = {method: [] for method in METHODS}
    for number, cell in enumerate(cells):
        tables = draw(cell, cell.margin, tests, seed=number)
        for method, passes in METHODS.items():
            rates[method].append(rate(f"false passes, {method}, {cell}", passes(tables, cell.rows, cell.margin)))
    for method, figures in rates.items():
        yield from figures
        yield Figure(f"highest of {method}", max(figure.value for figure in figures))
    yield replace(above("false passes, exact", rates["exact"], 1 - LEVEL), bar=0, at_most=True)
    yield above("false passes, tango", rates["tango"], 1 - LEVEL)
    yield replace(above("false passes, mcnemar", rates["mcnemar"], 1 - LEVEL), bar=1)
    yield replace(above("false passes, percentile", rates["percentile"], 1 - LEVEL), bar=1)


def computed() -> Iterator[Figure]:
    """The largest chance of a false pass over all discordances, computed."""
    for rows, margin in product(ROWS, MARGINS):
        largest = noninferiority.size(rows, margin, noninferiority.critical_value(rows, margin, LEVEL))
        yield Figure(f"largest chance of a false pass, n={rows:,} margin={margin}", largest, bar=0.05, at_most=True)


def planned(tests: int) -> Iterator[Figure]:
    """Equal models, on as many rows as were planned for them: the power computed, and simulated."""
    below = 0
    for number, (margin, discordance) in enumerate(product(MARGINS, DISCORDANCE)):
        rows = power.rows_needed(discordance, drop=0.0, margin=margin, level=LEVEL, power=POWER)
        cell = Cell(rows, margin, discordance)
        simulated = rate(f"power, simulated, planned {cell}",
                         exact(draw(cell, 0.0, tests, seed=1000 + number), rows, margin))
        below += (simulated.high or 0.0) < POWER
        yield simulated
        yield Figure(f"power, computed, planned {cell}", bar=POWER,
                     value=noninferiority.chance_to_pass(rows, margin, LEVEL, discordance / 2, discordance / 2))
    yield Figure("power, simulated: below 80 %", below, bar=0, at_most=True)


def log_loss(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    margin = generator.normal(2.0, 2.0, shape)  # of the true class, in logits: some are wrong
    return np.asarray(np.logaddexp(0, -margin - generator.normal(0, 0.5, shape)) - np.logaddexp(0, -margin))


def mae(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    errors = generator.standard_t(4, shape)
    return np.asarray(np.abs(errors + generator.normal(0, 0.3, shape)) - np.abs(errors))


def rare(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Nothing differs but one row in a hundred, and that by a whole unit: what few rows may never show."""
    return np.asarray(generator.random(shape) < RARE, dtype=np.float64)


def rmse(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Jackknife pseudo-values of the rise in root mean squared error, leaving out each row."""
    errors = generator.standard_t(6, shape)
    return pseudo((errors + generator.normal(0, 0.3, shape)) ** 2, np.sqrt) - pseudo(errors**2, np.sqrt)


def f1(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Pseudo-values of the drop in macro F1 of two classes, 30 % and 70 %; 2 % of the rows lost, 1 % gained."""
    truth, turn = generator.random(shape) < 0.3, generator.random(shape)
    champion = truth ^ (turn < 0.04)
    candidate = champion ^ (turn < 0.01) ^ (turn > 0.98)
    return pseudo(_counts(truth, champion), _macro_f1) - pseudo(_counts(truth, candidate), _macro_f1)


def _counts(truth: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> Array:
    return np.stack([truth & called, ~truth & ~called, truth != called]).astype(np.float64)


def _macro_f1(means: Array) -> Array:
    both, neither, wrong = means
    return np.asarray((2 * both / (2 * both + wrong) + 2 * neither / (2 * neither + wrong)) / 2)


def pseudo(parts: Array, metric: Callable[[Array], Array]) -> Array:
    """Each row's n metric(mean) - (n - 1) metric(mean without it), of a metric of means; parts: (..., tests, rows)."""
    rows, total = parts.shape[-1], parts.sum(axis=-1, keepdims=True)
    without = metric((total - parts) / (rows - 1))
    return np.asarray(metric(total / rows) - (rows - 1) * (without - without.mean(axis=-1, keepdims=True)))


OTHERS = (log_loss, mae, rmse, f1, rare)
LABELS = (f1, rare)  # where a row can differ by a whole unit, seen or not


def other_metrics(tests: int) -> Iterator[Figure]:
    """The bound of each metric lies below its true drop in at most 5 % of the tests; beside it the usual bootstrap."""
    rates: dict[str, list[Figure]] = {"gaffke": [], "studentized": []}
    for make, rows in product(OTHERS, (170, 450, 2000)):
        drop, generator = make(np.random.default_rng(0), (250, 20_000)).mean(), np.random.default_rng(rows)
        samples = [make(generator, (500, rows)) for _ in range(tests // 500)]
        for how, bound in (("gaffke", gaffke), ("studentized", studentized)):
            high = np.concatenate([bound(sample, make in LABELS, seed) for seed, sample in enumerate(samples)])
            rates[how].append(rate(f"false passes, {how}, {make.__name__}, n={rows:,}", high < drop))
    yield from rates["gaffke"]
    yield from rates["studentized"]
    yield replace(above("false passes, gaffke", rates["gaffke"], 1 - LEVEL), bar=0, at_most=True)
    yield above("false passes, studentized", rates["studentized"], 1 - LEVEL)


def gaffke(values: Array, labels: bool, seed: int) -> Array:
    """What certification does."""
    worst = np.maximum(np.abs(values).max(axis=1), 1.0 if labels else 0.0)
    return bootstrap.mean_bounds(values, worst, LEVEL, resamples=RESAMPLES, seed=seed)[1]


def studentized(values: Array, labels: bool, seed: int) -> Array:  # noqa: ARG001
    """The bootstrap-t's upper bound of the mean."""
    units = bootstrap.in_blocks(values, bootstrap.MOST_UNITS, seed)
    count, mean, spread = units.shape[1], units.mean(axis=1, keepdims=True), units.std(axis=1, ddof=1, keepdims=True)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES).T
    shift = (units - mean) @ drawn / count
    error = np.sqrt(np.maximum((units - mean) ** 2 @ drawn / count - shift**2, 0.0) / (count - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(shift == 0, 0.0, shift / error)
    lowest = np.quantile(statistic, 1 - LEVEL, axis=1, method="lower", keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(spread > 0, mean - lowest * spread / np.sqrt(count), mean))[:, 0]


def released_unproven(tests: int) -> Iterator[Figure]:
    """Whole verdicts on models of all sorts: none passes whose overall comparison, or whose slice, did not."""
    generator = np.random.default_rng(5)
    schema = Schema(columns=(Column(name="side", kind="category", dtype="string", categories=("a", "b")),),
                    target=Column(name="y", kind="category", dtype="string", categories=("0", "1")), task="binary")
    settings = DeploymentSettings(margin=Margin(drop=0.03),
                                  slices=(SliceSettings(column="side", margin=Margin(drop=0.06)),))
    frame, truth = pd.DataFrame({"side": ["a"] * 100 + ["b"] * 70}), np.zeros(170, dtype=np.int64)
    inconclusive = unproven = 0
    for _ in range(tests):
        theirs, ours = (np.eye(2)[(generator.random(170) < generator.random() / 15).astype(int)] for _ in range(2))
        verdict = certify("simulated", truth, theirs, ours, frame, schema, "accuracy", settings)
        parts = {verdict.overall.outcome, *(each.outcome for each in verdict.slices)}
        inconclusive += verdict.overall.outcome == "inconclusive"
        unproven += verdict.outcome == "pass" and parts != {"pass"}
    yield Figure(f"verdicts of {tests} with an inconclusive overall comparison", inconclusive, bar=1)
    yield Figure("verdicts that pass with a comparison that does not", unproven, bar=0, at_most=True)


def measure(quick: bool) -> tuple[str, list[Figure]]:
    """All of it; the quick way with a tenth of the tests."""
    tests = 1000 if quick else 10_000
    figures = [*false_passes(tests), *computed(), *planned(tests), *other_metrics(tests),
               *released_unproven(tests // 50)]
    return f"{tests:,} simulated tests for each rate, one-sided level {LEVEL}", figures


if __name__ == "__main__":
    run("certification", measure)
