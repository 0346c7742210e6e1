"""Leaks: what lets a model look good on the test rows and fail on live ones.

Each detector looks for one way in which rows tell what they could not know, compares what it sees with what chance
would give, and says what it saw, how sure that is, and what to set. Large tables are judged on evenly spaced rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.data.schema import IDENTIFIER
from tasks.data.splitting import TEST, TRAIN, VALIDATION, GivenSplit, GroupSplit, Sides, Split, TimeSplit
from tasks.records import Column, Leak, Schema

ROWS = 20_000       # of each side, at most
DETERMINES = 0.95   # of the error of guessing that one column takes away
DOMINATES = 0.5     # this much of it, where no other column takes away a third of that
TWINS = 0.01        # of the test rows: fewer copies do not move a result
NEAR = 0.05         # of the usual distance to the nearest train row
AGREES = 0.1        # Cohen's kappa between neighbors
SURELY = 6.0        # standard errors beyond chance
FEWEST = 10         # cases, below which nothing is said
Floats = npt.NDArray[np.float64]


class Scene(NamedTuple):
    """What the detectors look at: typed rows in the source's order with their sides."""

    rows: pd.DataFrame
    sides: Sides
    schema: Schema
    split: Split

    def side(self, name: str) -> pd.DataFrame:
        found: pd.DataFrame = self.rows[self.sides == name]
        return found.iloc[np.unique(np.linspace(0, len(found) - 1, ROWS).astype(int))] if len(found) > ROWS else found

    @property
    def features(self) -> list[str]:
        return [column.name for column in self.schema.features]


def leaks(rows: pd.DataFrame, sides: Sides, schema: Schema, split: Split) -> tuple[Leak, ...]:
    """Every leak that is found. `rows` are typed and in the source's order; `sides` says where each of them goes."""
    scene = Scene(rows, sides, schema, split)
    return tuple(leak for detect in DETECTORS for leak in detect(scene))


def telling_columns(scene: Scene) -> Iterator[Leak]:
    """Columns that say alone what is to be predicted: recorded after the answer, or another spelling of it."""
    if scene.schema.input == "image":
        return
    told = {column.name: explained(scene, column) for column in scene.schema.features
            if not _names_someone(column, scene.rows[column.name])}
    best = sorted(told.values())[-2:]
    for name, share in told.items():
        if share >= DETERMINES:
            yield Leak(kind="determines", columns=(name,), sure="certain" if share >= 0.99 else "likely",
                       saw=f"{name!r} alone takes away {share:.1%} of the error of guessing"
                           f"{_by_its_absence(scene, name, share)}",
                       remedy=f"if it is known only after the answer, data.ignore: [{name}]")
        elif share >= DOMINATES and share == best[-1] and len(best) > 1 and best[0] < share / 3:
            yield Leak(kind="dominates", columns=(name,), sure="likely",
                       saw=f"{name!r} alone takes away {share:.0%} of the error of guessing, the next column "
                           f"{max(best[0], 0):.0%}{_by_its_absence(scene, name, share)}",
                       remedy=f"if it is known only after the answer, data.ignore: [{name}]")


def _by_its_absence(scene: Scene, name: str, share: float) -> str:
    """A note where it is enough to know whether the value is there."""
    absent = scene.rows.assign(**{name: scene.rows[name].isna().map({True: "yes", False: "no"})})
    column = Column(name=name, kind="category", dtype="string", categories=("no", "yes"))
    alone = explained(scene._replace(rows=absent), column)
    return ": it is missing for some answers and not for others" if alone > 0.8 * share else ""


def explained(scene: Scene, column: Column) -> float:
    """Of the error of guessing on rows out of train, the share that one column takes away; at most 1, noise below 0.

    By a small tree fitted on train rows. A number: R². Classes: Goodman and Kruskal's lambda, with as many errors as
    95 % confidence allows (Clopper and Pearson, 1934), so that a few rows show little.
    """
    train, judged = scene.side(TRAIN), pd.concat([scene.side(VALIDATION), scene.side(TEST)])
    if len(train) < FEWEST or len(judged) < FEWEST:
        return 0.0
    fitted = _fitted(train, column, scene.schema)
    answers = fitted.predict(_codes(judged[column.name], column))
    truth = judged[scene.schema.target.name]
    if scene.schema.task == "regression":
        spread = float(np.square(truth - train[truth.name].mean()).sum())
        return 1 - float(np.square(truth - answers).sum()) / spread if spread else 0.0
    guess = train[truth.name].mode()[0]
    wrong = int((truth != guess).sum())
    return 1 - _most(int((truth.to_numpy() != answers).sum()), len(truth)) / wrong if wrong else 0.0


def _most(errors: int, rows: int) -> float:
    """How many errors there would be at the upper end of the 95 % confidence interval of their rate."""
    from scipy.stats import beta

    return rows * float(beta.ppf(0.95, errors + 1, rows - errors)) if errors < rows else float(rows)


def _fitted(train: pd.DataFrame, column: Column, schema: Schema) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeRegressor if schema.task == "regression" else DecisionTreeClassifier
    tree = kind(max_leaf_nodes=64, min_samples_leaf=max(2, len(train) // 2000), random_state=0)
    return tree.fit(_codes(train[column.name], column), train[schema.target.name].to_numpy())


def _codes(values: pd.Series, column: Column) -> Floats:
    """One column as a tree reads it, (rows, 1): a category by its place, -1 where it is missing or new."""
    if column.kind == "number":
        return values.to_numpy(dtype=float)[:, None]
    return pd.Index(column.categories).get_indexer(pd.Index(values)).astype(float)[:, None]


def counters(scene: Scene) -> Iterator[Leak]:
    """Numbers that count rows: unique, whole, and as dense as a numbering."""
    for name in (c.name for c in scene.schema.features if c.kind == "number" and scene.schema.input == "rows"):
        values = scene.rows[name]
        present = values.dropna()
        if len(present) < 20 or not present.is_unique or (present % 1 != 0).any():
            continue
        ordered = abs(float(np.corrcoef(np.arange(len(present)), present)[0, 1])) > 0.999
        if ordered or float(present.max() - present.min()) < 2 * len(present):
            yield Leak(kind="identifier", columns=(name,), sure="certain" if ordered else "likely",
                       saw=f"{name!r} numbers the rows: {len(present):,} different whole numbers from "
                           f"{present.min():.0f} to {present.max():.0f}{', in order' if ordered else ''}",
                       remedy=f"data.columns: {{{name}: {{kind: identifier}}}}")


def twins(scene: Scene) -> Iterator[Leak]:
    """Test rows that train holds too, feature by feature, more often than columns that are drawn apart would meet."""
    train, test = scene.side(TRAIN)[scene.features], scene.side(TEST)[scene.features]
    if len(test) < FEWEST:
        return
    keys = _keys(train)
    share = float(np.isin(_keys(test), keys).mean())
    draw = np.random.default_rng(0)
    apart = pd.DataFrame({name: draw.permutation(train[name].to_numpy()) for name in train})
    chance = float(np.isin(_keys(test), _keys(apart.astype(train.dtypes.to_dict()))).mean())
    if share >= TWINS and share * len(test) >= FEWEST and share > 3 * chance:
        yield Leak(kind="duplicates", sure="certain" if chance < share / 10 else "likely",
                   saw=f"{share:.1%} of the test rows have a row in train with the same features; by chance "
                       f"{chance:.1%} would",
                   remedy="split by what is the same in copies, data.split: {kind: hash, columns: [the features]}, or "
                          "by whom they are about, {kind: group, column: …}")


def _keys(frame: pd.DataFrame) -> npt.NDArray[np.integer[Any]]:
    return pd.util.hash_pandas_object(frame, index=False).to_numpy()


def near_twins(scene: Scene) -> Iterator[Leak]:
    """Test rows much nearer to a train row than rows usually are: copies that were touched up."""
    numbers = [c.name for c in scene.schema.features if c.kind == "number"]
    if len(numbers) < 3 or (scene.sides == TEST).sum() < FEWEST:
        return
    distances = _nearest(scene, numbers)
    usual = float(np.median(distances))
    share = float(((distances > 0) & (distances < NEAR * usual)).mean())
    if share >= 2 * TWINS and share * len(distances) >= FEWEST:
        yield Leak(kind="near-duplicates", sure="likely",
                   saw=f"{share:.1%} of the test rows are {1 / NEAR:.0f} times nearer to a row in train than test rows "
                       f"usually are",
                   remedy="keep what belongs together on one side: data.split by time, or by group")


def _nearest(scene: Scene, numbers: list[str]) -> Floats:
    """The distance of up to 1,000 test rows to the nearest train row, numbers in standard deviations."""
    from sklearn.neighbors import NearestNeighbors

    train, test = scene.side(TRAIN), scene.side(TEST)
    test = test.iloc[np.unique(np.linspace(0, len(test) - 1, 1000).astype(int))]
    middle, spread = train[numbers].mean(), train[numbers].std().replace(0, 1)
    table = [((side[numbers] - middle) / spread).fillna(0).to_numpy() for side in (train, test)]
    words = [c for c in scene.schema.features if c.kind == "category"]
    codes = [np.hstack([_one_hot(side[c.name], c) for c in words]) if words else np.empty((len(side), 0))
             for side in (train, test)]
    finder = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(np.hstack([table[0], codes[0]]))
    return np.asarray(finder.kneighbors(np.hstack([table[1], codes[1]]))[0][:, 0], dtype=np.float64)


def _one_hot(values: pd.Series, column: Column) -> Floats:
    places = _codes(values, column)[:, 0].astype(int)
    return np.asarray(np.eye(len(column.categories) + 1)[places], dtype=np.float64)


def broken_order(scene: Scene) -> Iterator[Leak]:
    """A split that puts neighbors in time on different sides, where neighbors have like answers."""
    if isinstance(scene.split, TimeSplit) or (isinstance(scene.split, GivenSplit) and scene.split.last):
        return
    kept = scene.rows[np.isin(scene.sides, (TRAIN, VALIDATION, TEST))]
    times = [c.name for c in scene.schema.columns if c.kind == "time" and kept[c.name].nunique() >= 50]
    orders = {name: kept.sort_values(name, kind="stable") for name in times} or {"": kept}
    for name, ordered in orders.items():
        alike = _alike(ordered[scene.schema.target.name], None)
        if alike is None or (not name and _sorted(kept[scene.schema.target.name])):
            continue
        where = f"by {name!r}" if name else "in the file's order"
        yield Leak(kind="time", columns=(name,) if name else (), sure="certain" if name else "likely",
                   saw=f"rows that follow each other {where} have like answers (agreement beyond chance {alike:.2f}), "
                       f"and the split puts them on different sides",
                   remedy=f"data.split: {{kind: time, column: {name}}}" if name else
                   f"data.split: {{kind: given, last: {int((scene.sides == TEST).sum())}}}")


def _sorted(answers: pd.Series) -> bool:
    """Whether a file lies sorted by its answer, which says nothing of time."""
    if pd.api.types.is_numeric_dtype(answers.dtype):
        return abs(_correlation(np.arange(len(answers)), answers.to_numpy())) > 0.9
    return int((answers.to_numpy()[1:] != answers.to_numpy()[:-1]).sum()) < 3 * answers.nunique()


def scattered_groups(scene: Scene) -> Iterator[Leak]:
    """Rows about the same one on both sides, where they have like answers."""
    if isinstance(scene.split, GroupSplit):
        return
    kept = scene.rows[np.isin(scene.sides, (TRAIN, VALIDATION, TEST))]
    for name in (c.name for c in scene.schema.columns if _names_someone(c, kept[c.name])):
        ordered = kept.dropna(subset=[name]).sort_values(name, kind="stable")
        alike = _alike(ordered[scene.schema.target.name], ordered[name])
        both = float(scene.side(TEST)[name].isin(scene.side(TRAIN)[name].dropna()).mean())
        if alike is None or both < TWINS:
            continue
        yield Leak(kind="group", columns=(name,), sure="likely",
                   saw=f"{both:.0%} of the test rows share their {name!r} with rows in train, and rows that share it "
                       f"have like answers (agreement beyond chance {alike:.2f})",
                   remedy=f"data.split: {{kind: group, column: {name}}}")


def _names_someone(column: Column, values: pd.Series) -> bool:
    """Whether a column seems to say whom a row is about: many different values, each a few times."""
    present, distinct = values.notna().sum(), values.nunique()
    if distinct < 20 or (present < 2 * distinct and distinct > 0.9 * present):
        return False
    if column.kind == "identifier" or (column.kind in ("number", "category") and IDENTIFIER.search(column.name)):
        return True
    return column.kind == "category" and present < 50 * distinct


def _alike(answers: pd.Series, groups: pd.Series | None) -> float | None:
    """How much more than by chance a row agrees with the next (of its group); None where chance may have done it.

    Cohen's kappa for classes, the correlation for numbers; both have a standard error of about 1 / √pairs by chance.
    """
    same = np.ones(len(answers) - 1, bool) if groups is None else (groups.to_numpy()[1:] == groups.to_numpy()[:-1])
    first, second = answers.to_numpy()[:-1][same], answers.to_numpy()[1:][same]
    if len(first) < 2 * FEWEST:
        return None
    agreed = _correlation(first, second) if pd.api.types.is_numeric_dtype(answers.dtype) else _kappa(first, second)
    return agreed if agreed >= AGREES and agreed * np.sqrt(len(first)) >= SURELY else None


def _correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    ranks = [pd.Series(side.astype(float)).rank() for side in (first, second)]
    return float(np.nan_to_num(ranks[0].corr(ranks[1])))


def _kappa(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    shares = pd.Series(np.concatenate([first, second])).value_counts(normalize=True)
    chance = float(np.square(shares).sum())
    return (float((first == second).mean()) - chance) / (1 - chance) if chance < 1 else 0.0


DETECTORS: tuple[Callable[[Scene], Iterator[Leak]], ...] = (
    telling_columns, counters, twins, near_twins, broken_order, scattered_groups)
