"""What the lab remembers, in SQLite.

sqlite_utils imports pandas and numpy where it finds them, for methods and column types that nobody here
uses; that would cost every command and every job half a second, so it is not let find them.
"""

import sys

if "sqlite_utils" not in sys.modules:
    hidden = [name for name in ("numpy", "pandas") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # "not there", to the import system
    try:
        import sqlite_utils  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
