"""Opens lab.db, the only place that does, and brings its schema up to date. Knows no table by name.

SQLite in WAL mode: several processes read while one writes. Not for network file systems or bucket mounts.
"""

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from storage.errors import StorageError
from storage.migrations import migrations

FILE = "lab.db"
BUSY_SECONDS = 10.0

Row = dict[str, Any]


def connect(home: Path) -> Database:
    """Open `home`/lab.db, making folder, file and tables as needed. One connection a thread; close it with
    `.close()`.

    Raises StorageError if the workspace cannot be written, or the file is damaged, in use, or made by a newer
    Bantam.
    """
    home = Path(home).expanduser()
    path = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The workspace {home} cannot be made ({error.strerror}); choose a folder that can be written"
        ) from None
    with _in_plain_words(str(path)):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        try:
            connection.execute("pragma foreign_keys = on")
            connection.execute(
                "pragma synchronous = normal"
            )  # a power cut may undo the last commits, no more
            _use_wal(connection, path)
            db = Database(connection, execute_plugins=False)
            _migrate(db, path)
        except BaseException:
            connection.close()
            raise
    return db


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Switch to WAL. SQLite does not wait for another process that is switching too, so wait here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise StorageError(
            f"{path} is on a file system without shared memory (a network drive?); choose a local folder"
        )


def _migrate(db: Database, path: Path) -> None:
    # What an empty database still has to get is everything that there is.
    known = {migration.name for migration in migrations.pending(Database(memory=True, execute_plugins=False))}
    newer = {migration.name for migration in migrations.applied(db)} - known
    if newer:
        raise StorageError(
            f"{path} was made by a newer Bantam (it has {', '.join(sorted(newer))}); "
            "update Bantam or choose another workspace"
        )
    if migrations.pending(db):
        # One write lock around looking and changing: of two processes on a fresh file the second finds
        # nothing to do.
        with writing(db):
            migrations.apply(db)


@contextmanager
def writing(db: Database) -> Iterator[Database]:
    """A transaction that holds the write lock from its start (BEGIN IMMEDIATE), so it never fails half-way as
    a stale reader. All or nothing; inside another one it joins it. Raises StorageError if the database cannot
    be written."""
    if db.conn.in_transaction:
        yield db
        return
    with _in_plain_words(_file_of(db)):
        db.execute("begin immediate")
        try:
            yield db
            db.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):
                db.rollback()
            raise


def fetch(db: Database, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
    """The rows of a SELECT as dicts. Raises StorageError if the database cannot be read."""
    with _in_plain_words(_file_of(db)):
        return list(db.query(sql, values))


def _file_of(db: Database) -> str:
    try:
        return str(db.conn.execute("pragma database_list").fetchone()[2])
    except sqlite3.DatabaseError:
        return FILE


@contextmanager
def _in_plain_words(path: str) -> Iterator[None]:
    """Say what SQLite complains about as a StorageError. A broken constraint or wrong SQL stays as it is: a
    bug."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        in_use = f"{path} is in use by another process; wait for it to finish and try again"
        read_only = f"{path} cannot be written; check its permissions or choose another workspace"
        plain = {
            sqlite3.SQLITE_BUSY: in_use,
            sqlite3.SQLITE_LOCKED: in_use,
            sqlite3.SQLITE_NOTADB: f"{path} is not a database; move it away and a new one is made",
            sqlite3.SQLITE_CORRUPT: f"{path} is damaged; move it away and a new one is made",
            sqlite3.SQLITE_FULL: f"The disk of {path} is full; free some space and try again",
            sqlite3.SQLITE_READONLY: read_only,
            sqlite3.SQLITE_PERM: read_only,
            sqlite3.SQLITE_CANTOPEN: f"{path} cannot be opened; check that its folder can be written",
            sqlite3.SQLITE_IOERR: f"{path} cannot be read or written ({error}); check the disk",
        }.get(code)
        if plain is None and "already exists" in str(error):
            plain = f"{path} has tables that Bantam did not make ({error}); choose another workspace"
        if plain is None:
            raise
        raise StorageError(plain) from error


def now() -> str:
    """The time as it is stored: UTC, ISO, microseconds, Z."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """`value` as JSON text: dataclasses and pydantic models as objects, paths as text, NaN and infinity as
    null."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump())
    if hasattr(value, "item"):  # a numpy number
        return _plain(value.item())
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def from_json(row: Row, *columns: str) -> Row:
    """`row` with the JSON text of `columns` parsed."""
    return {key: json.loads(value) if key in columns else value for key, value in row.items()}
