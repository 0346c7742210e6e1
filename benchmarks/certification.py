"""How often does certification err? Simulated models that are worse by just the margin, and models that are equal.

Accuracy: 10,000 tests for each number of rows, margin and discordance (a model worse by the margin has at least that
share of discordant rows). Beside the exact test stand Tango's score with the normal critical value, McNemar's test
("no significant difference, so it passes") and the percentile bootstrap; other metrics have the bootstrap-t beside
them. A rate is "above" where its whole 99 %
interval is; beside the simulated rates stand the computed ones, which have no error, on many more discordances than the
critical value was searched on. Other metrics: models whose answers are noisy copies of the champion's, and models that
lose seldom and much; the margin is their true drop. Power: equal models at the planned rows. Last, verdicts of all
sorts are handed to the real `release`.

    .venv/bin/python benchmarks/certification.py [--quick]
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from harness import Figure, run
from scipy import stats

from serving.package import MANIFEST, SIGNATURE
from serving.signature import sign
from tasks.data.collection import collect
from tasks.data.preparation import prepare
from tasks.data.settings import DataSettings
from tasks.deployment import bootstrap, noninferiority, power
from tasks.deployment.certification import certify, compare
from tasks.deployment.measurement import measure as measure_all
from tasks.deployment.packaging import Lineage, artifact_of, pack
from tasks.deployment.releasing import release
from tasks.deployment.runtimes import OnnxRuntime
from tasks.deployment.settings import DeploymentSettings, Margin, MeasurementSettings, SliceSettings
from tasks.deployment.signing import signing_key
from tasks.deployment.target import Target
from tasks.errors import DeploymentError
from tasks.optimization.export import export
from tasks.records import (
    Artifact,
    Candidate,
    Column,
    Measurement,
    Parity,
    PreparedData,
    Recipe,
    Schema,
    Verdict,
)
from tasks.store import Store, path_of
from tasks.training import reference
from tasks.training.families import Linear
from tasks.training.folds import fold
from tasks.training.metrics import estimate

Array = npt.NDArray[np.float64]
Passes = Callable[[npt.NDArray[np.int64], int, float], npt.NDArray[np.bool_]]
LEVEL, POWER = 0.95, 0.8
ROWS, DISCORDANCE, MARGINS = (170, 450, 2000, 16_000), (0.01, 0.02, 0.03, 0.04, 0.05), (0.01, 0.02, 0.03)
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
    """The largest chance of a false pass over all discordances, computed on far more of them than were searched."""
    for rows, margin in product(ROWS, MARGINS):
        last, steps = (1 - margin) / 2, np.linspace(0, 1, 1500)
        gained = np.unique(np.concatenate([steps, steps**3, 1 - steps**3])) * last
        largest = max(noninferiority.chance_to_pass(rows, margin, LEVEL, q + margin, q) for q in gained)
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


class Seldom(NamedTuple):
    """A champion that has a share of the rare rows right and all others, and a candidate that loses some of those.

    A loss of so much so seldom often does not show on few rows.
    """

    metric: str
    margin: float
    rare: float
    lost: float
    right: float = 1.0

    def passes(self, rows: int, held: int, lost: int) -> bool:
        """Whether certification passes it where the champion has so many rare rows right and it loses so many."""
        rare = round(rows * self.rare)
        truth = (np.arange(rows) < rare).astype(np.int64)
        champion = np.eye(2)[truth & (np.arange(rows) < held)]
        candidate = champion.copy()
        candidate[:lost] = 1 - champion[:lost]
        found = compare("overall", self.metric, truth, champion, candidate, Margin(drop=self.margin),
                        DeploymentSettings())
        return found.outcome == "pass"


SELDOM = (Seldom("brier", 0.01, 1.0, 0.01), Seldom("log_loss", 0.161, 1.0, 0.01),
          Seldom("balanced_accuracy", 0.1, 0.05, 0.2), Seldom("f1", 0.11, 0.05, 0.35),
          Seldom("f1", 0.0387, 0.1, 0.2, right=0.3), Seldom("roc_auc", 0.1, 0.05, 0.2))


def seldom(tests: int) -> Iterator[Figure]:
    """Through `compare` itself: what few rows don't show must be feared all the same."""
    rates = []
    for kind, rows in product(SELDOM, (170, 450, 2000)):
        held = round(rows * kind.rare * kind.right)
        lost, place = np.unique(np.random.default_rng(rows).binomial(held, kind.lost, tests), return_inverse=True)
        passed = np.array([kind.passes(rows, held, int(each)) for each in lost])
        what = f"{kind.metric} margin={kind.margin} right={kind.right}, n={rows:,}"
        rates.append(rate(f"false passes, seldom and much, {what}", passed[place]))
    yield from rates
    yield replace(above("false passes, seldom and much", rates, 1 - LEVEL), bar=0, at_most=True)


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


def verdicts(name: str, tests: int) -> Iterator[Verdict]:
    """Whole verdicts on models of all sorts, by certification."""
    generator = np.random.default_rng(5)
    schema = Schema(columns=(Column(name="side", kind="category", dtype="string", categories=("a", "b")),),
                    target=Column(name="y", kind="category", dtype="string", categories=("0", "1")), task="binary")
    settings = DeploymentSettings(margin=Margin(drop=0.03),
                                  slices=(SliceSettings(column="side", margin=Margin(drop=0.06)),))
    frame, truth = pd.DataFrame({"side": ["a"] * 100 + ["b"] * 70}), np.zeros(170, dtype=np.int64)
    for _ in range(tests):
        theirs, ours = (np.eye(2)[(generator.random(170) < generator.random() / 15).astype(int)] for _ in range(2))
        yield certify(name, truth, theirs, ours, frame, schema, "accuracy", settings)


def released_unproven(tests: int) -> Iterator[Figure]:
    """A real package and the real `release`: nothing but a pass is served, whatever verdict it is handed.

    Each verdict that is no pass comes twice: as it is, and calling itself a pass. That a pass is released is seen last.
    """
    with tempfile.TemporaryDirectory() as home:
        os.environ["FARRIER_HOME"] = home
        candidate, measured, prepared, target = measured_one(Store())
        found = list(verdicts(candidate.name, tests))
        passing = next(verdict for verdict in found if verdict.outcome == "pass")
        lineage = Lineage(project="simulated", commit="", settings="")
        package = pack(candidate, candidate.model.artifact, target, measured, passing, prepared, lineage, Store())
        unproven = [each for verdict in found if verdict.outcome != "pass"
                    for each in (verdict, verdict.model_copy(update={"outcome": "pass"}))]
        served = sum(releases(package, verdict, measured) for verdict in unproven)
        inconclusive = sum(verdict.overall.outcome == "inconclusive" for verdict in unproven)
        yield Figure("releases tried of an inconclusive overall comparison", inconclusive, bar=1)
        yield Figure(f"releases of {len(unproven)} tried without a pass", served, bar=0, at_most=True)
        yield Figure("releases of one tried with a pass", releases(package, passing, measured), bar=1)


def releases(package: Artifact, verdict: Verdict, measured: Measurement) -> bool:
    """Whether `release` serves a package that was signed with this verdict."""
    try:
        release(saying(package, verdict), verdict=verdict, measurement=measured, store=Store())
    except DeploymentError:
        return False
    return True


def saying(package: Artifact, verdict: Verdict) -> Artifact:
    """The package with this verdict in its manifest, signed: only what the verdict says can refuse it."""
    folder = path_of(package)
    manifest = json.loads((folder / MANIFEST).read_bytes()) | {"verdict": verdict.model_dump(mode="json")}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / SIGNATURE).write_bytes(sign((folder / MANIFEST).read_bytes(), signing_key()))
    return artifact_of(folder)


def measured_one(store: Store) -> tuple[Candidate, Measurement, PreparedData, Target]:
    """A small model as the pipeline would make and measure it."""
    settings = DataSettings.model_validate({"source": {"kind": "sklearn", "name": "breast_cancer"}})
    prepared = prepare(collect(settings, store), settings, store)
    data, family = fold(prepared, store), Linear()
    fitted = family.fit(data, dict(family.first), seed=0, device="cpu")
    source = reference.keep(fitted, store)
    graph = export(source, prepared.data_schema, prepared, store)
    candidate = Candidate(
        name="linear", model=graph, source=source, recipe=Recipe(name="keep", chain='[{"kind":"keep"}]'),
        family="linear", parent=source.artifact.sha256, size_bytes=graph.size_bytes,
        answers=reference.keep_answers(fitted.answers, store),
        quality=estimate("accuracy", data.validation_target, fitted.answers),
        parity=Parity(rows=len(fitted.answers), largest_difference=0.0, tolerance=1e-4))
    target = Target(name="here", runtime=OnnxRuntime(), threads=1)
    quick = MeasurementSettings(rounds=2, seconds=0.002, warm_up=2)
    [found] = measure_all([candidate], target, prepared, quick, "accuracy", store)
    if not isinstance(found, Measurement):
        raise DeploymentError(found.reason)
    return candidate, found, prepared, target


def measure(quick: bool) -> tuple[str, list[Figure]]:
    """All of it; the quick way with a tenth of the tests."""
    tests = 1000 if quick else 10_000
    figures = [*false_passes(tests), *computed(), *planned(tests), *other_metrics(tests), *seldom(tests),
               *released_unproven(tests // 50)]
    return f"{tests:,} simulated tests for each rate, one-sided level {LEVEL}", figures


if __name__ == "__main__":
    run("certification", measure)
