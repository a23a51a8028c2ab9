"""A job's row from start to end, for jobs that run in the foreground. Knows no queue and starts no
process."""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from storage.db import Row, fetch, from_json, now, to_json, writing
from storage.errors import StorageError

QUEUED = "queued"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"
INTERRUPTED = "interrupted"
STATES = (QUEUED, RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED)


def start(
    db: Database,
    id: str,
    kind: str,
    name: str,
    spec: Any,
    *,
    pid: int | None = None,
    pid_created: float | None = None,
    log_path: str | None = None,
    needs: Sequence[str] = (),
    at: str | None = None,
) -> Row:
    """Insert the job as running, or run it again (one more attempt, the old error gone), and return its row.

    `pid` and `pid_created` (seconds since 1970) name the process. Raises StorageError if the job is running:
    if its process is gone, `interrupt` it first.
    """
    at = at or now()
    values = (id, kind, name, to_json(spec), RUNNING, at, at, pid, pid_created, log_path, to_json(needs))
    with writing(db):
        rows = fetch(
            db,
            """insert into job (id, kind, name, spec, state, created_at, started_at, pid, pid_created,
                log_path, needs, attempts)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
            on conflict (id) do update set kind = excluded.kind, name = excluded.name, spec = excluded.spec,
                state = excluded.state, started_at = excluded.started_at, ended_at = null,
                heartbeat_at = null, pid = excluded.pid, pid_created = excluded.pid_created, log_path =
                excluded.log_path, needs = excluded.needs, error = null, cancel_requested = 0, attempts =
                job.attempts + 1
            where job.state <> excluded.state
            returning *""",
            values,
        )
    if not rows:
        running = get(db, id) or {}
        raise StorageError(
            f"Job {id} is already running (process {running.get('pid')}); wait for it to end or stop it"
        )
    return from_json(rows[0], "spec", "needs")


def finish(db: Database, id: str, *, at: str | None = None) -> Row:
    """Mark a running job done."""
    return _end(db, id, DONE, None, at)


def fail(db: Database, id: str, error: str, *, at: str | None = None) -> Row:
    """Mark a running job failed, with the reason a person reads."""
    return _end(db, id, FAILED, error, at)


def interrupt(db: Database, id: str, error: str | None = None, *, at: str | None = None) -> Row:
    """Mark a running job interrupted: it can be started again and goes on where it was."""
    return _end(db, id, INTERRUPTED, error, at)


def get(db: Database, id: str) -> Row | None:
    """The job's row, spec and needs parsed."""
    rows = fetch(db, "select * from job where id = ?", [id])
    return from_json(rows[0], "spec", "needs") if rows else None


def latest(db: Database, name: str, *, kind: str | None = None, state: str | None = None) -> Row | None:
    """The job of this name that was created last, of one kind and in one state if given."""
    rows = fetch(
        db,
        """select * from job where name = :name and (:kind is null or kind = :kind)
        and (:state is null or state = :state) order by created_at desc, rowid desc limit 1""",
        {"name": name, "kind": kind, "state": state},
    )
    return from_json(rows[0], "spec", "needs") if rows else None


def _end(db: Database, id: str, state: str, error: str | None, at: str | None) -> Row:
    """End the job if it runs. One that has ended stays as it is: a Ctrl-C just after the end must not undo
    it."""
    with writing(db):
        db.execute(
            "update job set state = ?, error = ?, ended_at = ? where id = ? and state = ?",
            [state, error, at or now(), id, RUNNING],
        )
    row = get(db, id)
    if row is None:
        raise StorageError(f"There is no job {id!r} to mark as {state}; start it first")
    return row
