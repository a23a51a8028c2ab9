import storage  # noqa: F401  # before anything here imports sqlite_utils: see there
