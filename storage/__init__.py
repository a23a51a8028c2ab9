"""What the lab remembers, in SQLite.

sqlite_utils imports pandas where it finds it, for one method that nobody here calls; that would cost every
command and every job half a second, so it is not let find it.
"""

import sys

if "pandas" not in sys.modules and "sqlite_utils" not in sys.modules:
    sys.modules["pandas"] = None  # type: ignore[assignment]  # "not there", to the import system
    try:
        import sqlite_utils  # noqa: F401
    finally:
        del sys.modules["pandas"]
