"""What MLflow is told: entries, each one run as it should be with what it carries; and aliases, as they should be."""

from __future__ import annotations

from pydantic import Field

from tasks.records import Artifact, Record


class Attachment(Record):
    """A file that a run carries: stored bytes or a text of its own, under a name in the run's artifacts."""

    name: str
    artifact: Artifact | None = None
    text: str | None = None


class Dataset(Record):
    """What a run read, by our own sha256 (MLflow's own digest samples)."""

    name: str
    sha256: str
    context: str


class LoggedModel(Record):
    """A model that a run made, with the one file that holds it."""

    name: str
    kind: str
    artifact: Artifact
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class Registration(Record):
    """A package as the registry shows it: one version of the project's registered model, however often it is posted."""

    model: str
    package: str = Field(description="the package's sha256")
    tags: dict[str, str] = {}
    description: str = ""


class Entry(Record):
    """One MLflow run as it should be; posting the same key again updates that run."""

    key: str
    experiment: str
    name: str
    parent: str = Field("", description="the parent entry's key")
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    attachments: tuple[Attachment, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    model: LoggedModel | None = None
    registration: Registration | None = None
    sha256: str = Field("", description="the digest of the result that this run is about")
    reused: bool = Field(False, description="whether an earlier run made the result; that run is linked")
    status: str = "FINISHED"
    started_ms: int = 0
    ended_ms: int = 0


class Alias(Record):
    """A name in the registry and the package that it should stand for: what a target serves."""

    model: str
    alias: str
    package: str = Field(description="the package's sha256")
    release: int = Field(description="the release's version number, which its registered version carries as a tag")


class Ending(Record):
    """A run that is over: whatever of it is still open is closed with this status."""

    experiment: str
    run: str = Field(description="the key that its entries' keys begin with")
    status: str
