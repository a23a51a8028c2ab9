"""The worker's row: who works on this workspace's queue, with which devices, since when. Starts nothing."""

from collections.abc import Sequence

from sqlite_utils import Database

from storage.db import Row, fetch, from_json, now, to_json, writing

ONLY = "worker"  # one worker a workspace


def announce(
    db: Database, pid: int, pid_created: float, devices: Sequence[str], *, at: str | None = None
) -> None:
    """This process is the worker now."""
    at = at or now()
    with writing(db):
        db.execute(
            "insert or replace into worker (id, pid, pid_created, devices, started_at, heartbeat_at)"
            " values (?, ?, ?, ?, ?, ?)",
            [ONLY, pid, pid_created, to_json(list(devices)), at, at],
        )


def beat(db: Database, *, at: str | None = None) -> None:
    """The worker lives."""
    with writing(db):
        db.execute("update worker set heartbeat_at = ? where id = ?", [at or now(), ONLY])


def leave(db: Database, pid: int) -> None:
    """The worker with this process ends."""
    with writing(db):
        db.execute("delete from worker where id = ? and pid = ?", [ONLY, pid])


def current(db: Database) -> Row | None:
    """The worker that announced itself last and has not left; it may have been killed since."""
    rows = fetch(db, "select * from worker where id = ?", [ONLY])
    return from_json(rows[0], "devices") if rows else None
