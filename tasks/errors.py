"""Everything that farrier raises on purpose; each message names the thing, the value and the way out.

FarrierError
├── SettingsError            conf, command line or environment say something impossible
│   ├── UnknownProject       no project has that name
│   └── ImpossibleRecipe     a recipe that no model of its project can take
├── MissingExtra             an optional package is not installed
├── StoreError
│   ├── CorruptedArtifact    the bytes are not those that were stored
│   └── StoreFull            no space left; nothing half-written stays behind
├── DataError                the source cannot be read, or is not what the schema says
│   └── ExpectationsFailed   a table-level expectation does not hold
├── TrainingError            no model came out of a fit
│   └── EveryTrialFailed     a family gave no model, whatever was tried: others may give one
├── OptimizationError        a recipe did not give a candidate
│   └── UnsuitableModel      a technique was asked to take a form that it does not accept
├── ParityError              the exported graph does not answer as the trained model does
├── DeploymentError          a candidate could not be built, measured, packaged or released
├── ChildFailed              a process of ours ended without an answer (tasks/processes.py)
├── TrackingUnavailable      MLflow does not answer and the step cannot go on without it
├── TrackingRefused          MLflow does not take what it was told
└── OrchestrationError       the Prefect server, a schedule or a worker is not to be had
"""


class FarrierError(Exception):
    """The root: catch this to catch all that farrier raises on purpose."""


class SettingsError(FarrierError):
    """A setting is unknown, of the wrong type, or impossible."""


class UnknownProject(SettingsError):
    """No project has that name."""


class ImpossibleRecipe(SettingsError):
    """A recipe starts from a model that is not trained, or has a chain that no model can take."""


class MissingExtra(FarrierError):
    """An optional package is not installed; the message is the command that installs it."""


class StoreError(FarrierError):
    """The artifact store could not keep or give a file."""


class CorruptedArtifact(StoreError):
    """An artifact's bytes differ from its digest, or are gone."""


class StoreFull(StoreError):
    """The disk had no room for an artifact."""


class DataError(FarrierError):
    """A source cannot be read, or its rows are not what the schema says."""


class ExpectationsFailed(DataError):
    """The table as a whole broke an expectation: nothing is trained on it."""


class TrainingError(FarrierError):
    """A fit gave no model."""


class EveryTrialFailed(TrainingError):
    """No trial of a family gave a model, while its rows and settings let the search begin."""

    def __init__(self, message: str, trials: int = 0) -> None:
        super().__init__(message, trials)  # both are kept in args, so that the error survives a pipe
        self.trials = trials

    def __str__(self) -> str:
        return str(self.args[0])


class OptimizationError(FarrierError):
    """A recipe gave no candidate."""


class UnsuitableModel(OptimizationError):
    """A technique was asked to take a model that it does not accept."""


class ParityError(FarrierError):
    """The exported graph and the trained model disagree by more than the tolerance."""


class DeploymentError(FarrierError):
    """A candidate could not be built, measured, packaged or released."""


class TrackingUnavailable(FarrierError):
    """MLflow does not answer."""


class TrackingRefused(FarrierError):
    """MLflow does not take an entry, now or later."""


class OrchestrationError(FarrierError):
    """Prefect's server, a schedule or a worker is not to be had."""
