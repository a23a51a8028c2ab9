"""The one error of the storage layer. Its message says what failed, with which value, and what to do."""


class StorageError(Exception):
    """A database that cannot be opened, read or written, or a row that is not there."""
