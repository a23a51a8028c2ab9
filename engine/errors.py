"""The errors a person can mend. Each message says what failed, with which value, and what to do.

Everything that is not a LabError is a bug and should look like one.
"""


class LabError(Exception):
    """Base of all errors meant for a person; screens and the command line print its
    message and nothing else."""


class ConfigError(LabError):
    """A setting, an option or a spec that cannot be used."""


class DataError(LabError):
    """Documents or questions that cannot be read or are not enough."""


class ModelError(LabError):
    """A model that cannot be found, fetched, verified, loaded or fitted in memory."""


class EndpointError(LabError):
    """A server of models that cannot be reached, refuses or answers what cannot be read."""


class SilentError(EndpointError):
    """A server that can't be reached or gives no answer, however often it is tried: not this question's
    fault."""


class IndexError_(LabError):
    """An index that cannot be built, read or used with what it is asked for."""


class TrainingError(LabError):
    """A training run that cannot start or whose adapter does not work when it is loaded again."""


class ArtifactError(LabError):
    """A folder of results that is missing, half there or made for something else."""


class StorageError(LabError):
    """A workspace or database that cannot be opened or written."""
