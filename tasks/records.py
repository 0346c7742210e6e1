"""The nouns that travel between stages: frozen, typed, small enough for a result, an event and a log line."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

Json = JsonValue
TaskKind = Literal["binary", "multiclass", "regression"]
ColumnKind = Literal["number", "category", "time", "identifier"]
Form = Literal["sklearn", "torch", "onnx"]
Evidence = Literal["measured", "emulated", "simulated", "compiled", "modelled"]
Outcome = Literal["pass", "fail", "inconclusive"]
Scenario = Literal["single-stream", "offline"]
OUTPUTS = ("label", "probabilities", "prediction")  # what models answer with: no column that they read is called so


PASSWORD = re.compile(r"(://[^/?#\s:@]*:|\bhttps?://)[^/?#\s@]+(?=@)")  # of a web address, a name alone is a token


SIGNED = re.compile(r"([?&](?:[\w-]*(?:signature|token|secret|passwd|password|pwd|apikey|accesskey)|"
                    r"(?:[\w-]*[-_])?(?:sig|key|auth))=)[^&#\s]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Text as it may be shown: no password stands in its addresses.

    >>> masked("ftp://ann:secret@host/rows.csv")
    'ftp://ann:…@host/rows.csv'
    >>> masked("https://token@host/rows.csv and sftp://ann@host/rows.csv")
    'https://…@host/rows.csv and sftp://ann@host/rows.csv'
    >>> masked("https://host/rows.csv?X-Amz-Signature=ab12&version=3")
    'https://host/rows.csv?X-Amz-Signature=…&version=3'
    >>> masked("https://host/rows?apikey=ab12&monkey=3&accessToken=cd34")
    'https://host/rows?apikey=…&monkey=3&accessToken=…'
    """
    return SIGNED.sub(r"\1…", PASSWORD.sub(r"\1…", text))


def _without_password(address: str) -> str:
    if PASSWORD.search(address):
        raise ValueError("an address holds no password, as settings are shown in runs and reports: give it by the "
                         "environment (MLFLOW_TRACKING_USERNAME and _PASSWORD, FSSPEC_FTP_PASSWORD and the like)")
    if SIGNED.search(address):
        raise ValueError("an address holds no signature or token, as settings are shown in runs and reports: give what "
                         "opens it by the environment (AWS_ACCESS_KEY_ID and _SECRET_ACCESS_KEY and the like)")
    return address


Address = Annotated[str, AfterValidator(_without_password)]  # a path or a URL, for everybody to see


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN.

    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(value: Any) -> str:
    """The sha256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


class Record(BaseModel):
    """A frozen value; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """The sha256 of this record's canonical JSON."""
        return digest_of(self.model_dump(mode="json"))


class Artifact(Record):
    """A file (or a folder, by its manifest) that the store holds: a reference, never the bytes."""

    uri: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


def spelled(value: float) -> str:
    """A number in four digits, without a power of ten where it has more of them.

    >>> spelled(0.0405123), spelled(235562.3)
    ('0.04051', '235,562')
    """
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


class Estimate(Record):
    """A number that was estimated, with its interval, how it was made and from how many rows."""

    value: float
    low: float
    high: float
    level: float = 0.95
    method: str
    n: int

    def __str__(self) -> str:
        return f"{spelled(self.value)} [{spelled(self.low)}, {spelled(self.high)}]"


class Column(Record):
    """One column as the model sees it: what it holds and which values it was trained on."""

    name: str
    kind: ColumnKind
    dtype: str = Field(description="the Arrow type in the snapshot, as text")
    nullable: bool = False
    strip: str = Field("", description="characters that are taken off both ends of its texts")
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


class Spelling(Record):
    """How a source writes values as text: who asks later may write them so too, and is read as training was."""

    missing: tuple[str, ...] = Field((), description="texts that stand for a missing value, beside the empty one")
    missing_numbers: tuple[float, ...] = Field((), description="those of them that are numbers, as -999")
    strip_spaces: bool = False
    decimal: str = "."
    thousands: str | None = None


class Schema(Record):
    """What rows look like: the contract between data, graph, package and server.

    An image is a row whose features are its pixels, row by row; `shape` gives (height, width).
    """

    input: Literal["rows", "image"] = "rows"
    shape: tuple[int, ...] = ()
    columns: tuple[Column, ...]
    target: Column
    task: TaskKind
    spelling: Spelling = Spelling()

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a model reads: numbers and categories, in order."""
        return tuple(c for c in self.columns if c.kind in ("number", "category"))

    @property
    def classes(self) -> tuple[str, ...]:
        """The target's categories in the order of the probabilities; empty for a regression."""
        return self.target.categories if self.task != "regression" else ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.input == "image" and len(self.shape) != 2:
            raise ValueError(f"an image schema needs shape (height, width), not {self.shape}")
        if self.task != "regression" and len(self.target.categories) < 2:
            raise ValueError(f"target {self.target.name!r} has classes {self.target.categories}; two are needed")
        return self


class Rows(Record):
    """Where the rows went. The law: total = train + validation + test + quarantine."""

    total: int
    train: int
    validation: int
    test: int
    quarantine: int

    @model_validator(mode="after")
    def _nothing_is_lost(self) -> Self:
        kept = self.train + self.validation + self.test + self.quarantine
        if kept != self.total:
            raise ValueError(f"{self.total} rows came in and {kept} are accounted for")
        return self


class Leak(Record):
    """What may let a model look good on test rows and fail on live ones: what was seen, how sure, and what to set."""

    kind: Literal["determines", "dominates", "identifier", "duplicates", "near-duplicates", "time", "group"]
    columns: tuple[str, ...] = ()
    saw: str
    sure: Literal["certain", "likely"]
    remedy: str


class PreparedData(Record):
    """A source's rows, validated, typed and split; each part a Parquet artifact."""

    snapshot: Artifact
    train: Artifact
    validation: Artifact
    test: Artifact
    quarantine: Artifact
    data_schema: Schema
    profile: Artifact
    expectations: Artifact
    salt: str
    rows: Rows
    leaks: tuple[Leak, ...] = Field((), description="what the rows tell that they could not know, as far as it is seen")


class Model(Record):
    """A trained or optimized model and the form it is in.

    `sklearn`: a skops file of a fitted pipeline from the typed frame to the answer.
    `torch`: a safetensors file of a network, whose architecture is in its metadata, and its preprocessing (skops).
    `onnx`: one graph, raw columns in, answers out.
    """

    form: Form
    artifact: Artifact
    preprocessing: Artifact | None = None

    @property
    def size_bytes(self) -> int:
        return self.artifact.size_bytes + (self.preprocessing.size_bytes if self.preprocessing else 0)


class TrainedModel(Record):
    """What one family gave: its best hyper-parameters by validation."""

    family: str
    model: Model
    params: dict[str, Json]
    primary: str = Field(description="the metric that decides")
    metrics: dict[str, Estimate] = Field(description="on validation, by name")
    answers: Artifact = Field(description="validation, a .npy: probabilities (rows, classes) or predictions (rows,)")
    trials: int
    seed: int
    threads: int

    @property
    def quality(self) -> Estimate:
        return self.metrics[self.primary]


class Untrained(Record):
    """A family of which no trial gave a model, and why: a line of the leaderboard while others gave one."""

    family: str
    reason: str
    trials: int


class Recipe(Record):
    """A named chain of techniques as canonical JSON, and the model that it starts from."""

    name: str
    start: str = Field("champion", description="'champion' or a family's name")
    chain: str = Field(description="canonical JSON of the list of techniques")

    @property
    def techniques(self) -> list[dict[str, Any]]:
        """The chain as plain data, each with its `kind`."""
        return list(json.loads(self.chain))


class Parity(Record):
    """Proof that a graph answers as the model that it was made from."""

    rows: int
    largest_difference: float
    largest_excuse: float = Field(0.0, description="the most that was taken off a made-up row's difference, for what "
                                                   "rounding moves the model itself")
    tolerance: float


class Candidate(Record):
    """A model that a recipe made, ready for a runtime."""

    name: str
    model: Model
    source: Model | None = Field(None, description="the same model before export, where export was the last step")
    recipe: Recipe
    family: str
    parent: str = Field(description="sha256 of the trained model's artifact")
    size_bytes: int
    quality: Estimate = Field(description="the primary metric on validation")
    answers: Artifact = Field(description="validation answers, as in TrainedModel")
    parity: Parity


class Failed(Record):
    """A recipe that gave no candidate, and why: a row of the report, never the end of a run."""

    name: str
    recipe: Recipe
    reason: str


class Budgets(Record):
    """What a target can afford; None is not asked for."""

    latency_p50_ms: float | None = Field(None, gt=0)
    latency_p99_ms: float | None = Field(None, gt=0)
    throughput_per_s: float | None = Field(None, gt=0, description="at least")
    memory_bytes: int | None = Field(None, gt=0)
    size_bytes: int | None = Field(None, gt=0)
    cpu_s_per_1000: float | None = Field(None, gt=0)


class Fingerprint(Record):
    """The machine a number was measured on, as far as it moves the number."""

    cpu: str
    isa: tuple[str, ...]
    cores: int
    memory_bytes: int
    system: str
    versions: dict[str, str]


class Measurement(Record):
    """A candidate on a target: each number with its interval, its evidence and its machine."""

    candidate: str
    target: str
    scenario: Scenario
    latency_p50_ms: Estimate
    latency_p99_ms: Estimate
    throughput_per_s: Estimate
    cpu_s_per_1000: Estimate
    memory_bytes: int
    size_bytes: int
    quality: Estimate = Field(description="the primary metric on validation, through this runtime")
    answers: Artifact = Field(description="validation answers through this runtime")
    rounds: dict[str, tuple[float, ...]] = Field(description="p50_ms, p99_ms, throughput_per_s, cpu_s_per_1000 of each")
    harness_p50_ms: float | None = Field(None, description="what the harness adds to a query; not in the latencies")
    evidence: Evidence
    fingerprint: Fingerprint
    shortened: bool = Field(description="whether the runs were shorter than MLPerf's rules ask")


class Comparison(Record):
    """A paired comparison with the champion on the same rows: the numbers that decide."""

    name: str = Field(description="'overall', or the slice as column=value")
    metric: str
    candidate: float
    champion: float
    drop: Estimate = Field(description="champion minus candidate in the better direction; `high` is the bound")
    margin: float
    outcome: Outcome
    rows_needed: int | None = Field(None, description="how many rows would decide, where these are too few")
    advisory: bool = False


class Verdict(Record):
    """Certification's word on a candidate: the overall comparison and one for each declared slice."""

    candidate: str
    outcome: Outcome
    overall: Comparison
    slices: tuple[Comparison, ...] = ()


class Release(Record):
    """A package that a target serves."""

    project: str
    target: str
    version: int
    candidate: str
    package: Artifact
    verdict: Verdict
    measurement: Measurement
    created: str = Field(description="UTC, ISO 8601")
    run: str = Field("", description="the MLflow run of the pipeline that released it")


class Miss(Record):
    """One budget or gate that a candidate did not meet."""

    what: str
    value: float | str
    allowed: float | str
    likely: float | None = Field(None, description="the middle of the figure's interval, where that would be allowed")


class Refusal(Record):
    """A target without a release: the nearest candidate and by how much it missed what."""

    target: str
    nearest: str
    misses: tuple[Miss, ...]
    reason: str
    others: dict[str, tuple[Miss, ...]] = Field({}, description="what each of the candidates missed")


class ColumnDrift(Record):
    """How far one column moved from the profile that the model was trained on."""

    column: str
    statistic: str
    value: float
    threshold: float
    drifted: bool


class Drift(Record):
    """Monitoring's finding over a window of live rows."""

    rows: int
    columns: tuple[ColumnDrift, ...]
    drifted: bool
    false_alarm_rate: float = Field(description="of the whole finding, when nothing moved")
