"""A job's row: started and ended in the foreground, looked up, listed and counted. Knows no queue (that is
storage/queue.py) and starts no process."""

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
JSON = ("spec", "needs", "progress")
FILTER = """(:state is null or state = :state) and (:kind is null or kind = :kind)
    and (:name is null or name = :name) and (:parent is null or parent = :parent)"""


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

    For a job in the foreground, which passes by the queue. `pid` and `pid_created` (seconds since 1970) name
    the process. Raises StorageError if the job is running: if its process is gone, `interrupt` it first.
    """
    at = at or now()
    values = (id, kind, name, to_json(spec), RUNNING, at, at, pid, pid_created, log_path, to_json(needs))
    with writing(db):
        rows = fetch(
            db,
            """insert into job (id, kind, name, spec, state, created_at, started_at, pid, pid_created,
                log_path, needs, attempts, claims)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1)
            on conflict (id) do update set kind = excluded.kind, name = excluded.name, spec = excluded.spec,
                state = excluded.state, started_at = excluded.started_at, ended_at = null,
                heartbeat_at = null, pid = excluded.pid, pid_created = excluded.pid_created, log_path =
                excluded.log_path, needs = excluded.needs, error = null, cancel_requested = 0, attempts =
                job.attempts + 1, claims = job.claims + 1, progress = 'null', artifact = null
            where job.state <> excluded.state
            returning *""",
            values,
        )
    if not rows:
        running = get(db, id) or {}
        raise StorageError(
            f"Job {id} is already running (process {running.get('pid')}); wait for it to end or stop it"
        )
    return parsed(rows[0])


def finish(db: Database, id: str, *, artifact: str | None = None, at: str | None = None) -> Row:
    """Mark a running job done; `artifact` is what it made, as a path relative to the workspace."""
    return end(db, id, DONE, None, artifact=artifact, at=at)


def fail(db: Database, id: str, error: str, *, at: str | None = None) -> Row:
    """Mark a running job failed, with the reason a person reads."""
    return end(db, id, FAILED, error, at=at)


def interrupt(db: Database, id: str, error: str | None = None, *, at: str | None = None) -> Row:
    """Mark a running job interrupted: it can be started again and goes on where it was."""
    return end(db, id, INTERRUPTED, error, at=at)


def end(
    db: Database,
    id: str,
    state: str,
    error: str | None = None,
    *,
    claim: int | None = None,
    artifact: str | None = None,
    at: str | None = None,
) -> Row:
    """End the job if it runs, under `claim` if given, and return its row as it is now.

    One that has ended stays as it is: a Ctrl-C just after the end must not undo it, and a process that has
    lost its job to a later run must not end that one.
    """
    with writing(db):
        db.execute(
            """update job set state = ?, error = ?, ended_at = ?, artifact = coalesce(?, artifact)
            where id = ? and state = ? and (? is null or claims = ?)""",
            [state, error, at or now(), artifact, id, RUNNING, claim, claim],
        )
    row = get(db, id)
    if row is None:
        raise StorageError(f"There is no job {id!r} to mark as {state}; start it first")
    return row


def get(db: Database, id: str) -> Row | None:
    """The job's row, spec, needs and progress parsed."""
    rows = fetch(db, "select * from job where id = ?", [id])
    return parsed(rows[0]) if rows else None


def latest(db: Database, name: str, *, kind: str | None = None, state: str | None = None) -> Row | None:
    """The job of this name that was created last, of one kind and in one state if given."""
    rows = fetch(
        db,
        """select * from job where name = :name and (:kind is null or kind = :kind)
        and (:state is null or state = :state) order by created_at desc, rowid desc limit 1""",
        {"name": name, "kind": kind, "state": state},
    )
    return parsed(rows[0]) if rows else None


def listed(
    db: Database,
    *,
    state: str | None = None,
    kind: str | None = None,
    name: str | None = None,
    parent: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Row]:
    """The jobs with all that is given, newest first, `limit` of them from `offset` on."""
    rows = fetch(
        db,
        f"select * from job where {FILTER} order by created_at desc, rowid desc limit :limit offset :offset",
        {"state": state, "kind": kind, "name": name, "parent": parent, "limit": limit, "offset": offset},
    )
    return [parsed(row) for row in rows]


def unfinished(db: Database) -> list[Row]:
    """The jobs that run or wait: those that run first, then in the order in which they will be claimed."""
    rows = fetch(
        db,
        """select * from job where state in ('running', 'queued')
        order by state = 'queued', priority desc, created_at, rowid""",
    )
    return [parsed(row) for row in rows]


def counts(db: Database, *, kind: str | None = None) -> dict[str, int]:
    """How many jobs are in each state, of one kind if given."""
    rows = fetch(
        db, "select state, count(*) as n from job where ? is null or kind = ? group by state", [kind, kind]
    )
    return dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}


def parsed(row: Row) -> Row:
    """The row with its JSON columns as data and its flags as bools."""
    return {**from_json(row, *JSON), "cancel_requested": bool(row["cancel_requested"])}
