"""The queue is the job table: put in, claimed in one statement, fenced by the number of the claim, ended,
queued again. Starts no process and knows no kind of job.

A run of a job is named by its id and `claims`, which grows with every claim: whoever lost the job to a later
run can write nothing more.
"""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from storage.db import Row, fetch, now, to_json, writing
from storage.jobs import CANCELLED, FAILED, INTERRUPTED, QUEUED, RUNNING, get, parsed

FREE = """not exists (select 1 from json_each(job.needs) as need
        left join job as other on other.id = need.value where other.state is not 'done')"""
LANE = "(case job.device when 'auto' then :best else job.device end)"


def enqueue(
    db: Database,
    id: str,
    kind: str,
    name: str,
    spec: Any,
    *,
    needs: Sequence[str] = (),
    priority: int = 0,
    device: str = "auto",
    runner: str = "local",
    max_attempts: int = 3,
    parent: str | None = None,
    log_path: str | None = None,
    at: str | None = None,
) -> None:
    """Put a job at the end of the queue. Raises sqlite3.IntegrityError if the id is taken."""
    with writing(db):
        db.execute(
            """insert into job (id, kind, name, spec, state, created_at, needs, priority, device, runner,
                max_attempts, parent, log_path) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                *(id, kind, name, to_json(spec), QUEUED, at or now(), to_json(list(needs)), priority),
                *(device, runner, max_attempts, parent, log_path),
            ],
        )


def claim(
    db: Database, lanes: Sequence[str], *, runner: str = "local", most: int = 1, at: str | None = None
) -> Row | None:
    """Take the next job whose needs are done and whose device has fewer than `most` running jobs.

    `lanes` are the devices there are, the best first, which `auto` gets. Highest priority first, then the
    oldest. None if there is nothing to do. One statement: of two workers one gets the job.
    """
    with writing(db):
        rows = fetch(
            db,
            f"""update job set state = 'running', lane = {LANE}, claims = claims + 1, attempts = attempts + 1,
                started_at = :at, ended_at = null, heartbeat_at = null, pid = null, pid_created = null,
                remote = null, error = null, progress = 'null'
            where id = (select id from job where state = 'queued' and runner = :runner
                and {LANE} in (select value from json_each(:lanes))
                and (select count(*) from job as other where other.state = 'running'
                    and other.runner = :runner and other.lane = {LANE}) < :most
                and {FREE}
                order by priority desc, created_at, rowid limit 1)
            returning *""",
            {
                "at": at or now(),
                "runner": runner,
                "best": lanes[0],
                "lanes": to_json(list(lanes)),
                "most": most,
            },
        )
    return parsed(rows[0]) if rows else None


def take(db: Database, id: str, *, at: str | None = None) -> Row | None:
    """Claim this one job for the foreground, unless it runs or is done or its needs are not; then None."""
    with writing(db):
        rows = fetch(
            db,
            f"""update job set state = 'running', claims = claims + 1, attempts = attempts + 1, lane = device,
                started_at = :at, ended_at = null, heartbeat_at = null, pid = null, pid_created = null,
                error = null, cancel_requested = 0, cancel_at = null, progress = 'null'
            where id = :id and state not in ('running', 'done') and {FREE} returning *""",
            {"at": at or now(), "id": id},
        )
    return parsed(rows[0]) if rows else None


def register(
    db: Database, id: str, claim: int, pid: int, pid_created: float, *, at: str | None = None
) -> bool:
    """Note the process that runs this claim. False if the job is no longer its: it must do nothing."""
    with writing(db):
        changed = db.execute(
            """update job set pid = ?, pid_created = ?, heartbeat_at = ?
            where id = ? and claims = ? and state = 'running' and (pid is null or pid = ?)""",
            [pid, pid_created, at or now(), id, claim, pid],
        ).rowcount
    return bool(changed)


def remember(db: Database, id: str, claim: int, remote: str) -> bool:
    """Note the id that a runner elsewhere gave to this claim."""
    with writing(db):
        changed = db.execute(
            "update job set remote = ? where id = ? and claims = ? and state = 'running'", [remote, id, claim]
        ).rowcount
    return bool(changed)


def beat(db: Database, id: str, claim: int, progress: Any = None, *, at: str | None = None) -> Row | None:
    """The running claim says that it lives, and how far it is; its row now, None if the job is no longer
    its."""
    with writing(db):
        rows = fetch(
            db,
            """update job set heartbeat_at = ?, progress = coalesce(?, progress)
            where id = ? and claims = ? and state = 'running' returning *""",
            [at or now(), None if progress is None else to_json(progress), id, claim],
        )
    return parsed(rows[0]) if rows else None


def give_back(db: Database, id: str, claim: int, error: str, *, started: bool, at: str | None = None) -> Row:
    """The process of this claim is gone: the job is interrupted, or failed when its attempts are used up.

    One that never `started` has used up none. A job that was to be cancelled is cancelled.
    """
    at = at or now()
    with writing(db):
        db.execute(
            """update job set pid = null, pid_created = null, error = :error,
                attempts = attempts - not :started,
                state = case when cancel_requested then 'cancelled'
                    when :started and attempts >= max_attempts then 'failed' else 'interrupted' end,
                ended_at = :at
            where id = :id and claims = :claim and state = 'running' and (:started or pid is null)""",
            {"error": error, "started": int(started), "at": at, "id": id, "claim": claim},
        )
    return get(db, id) or {}


def revive(db: Database, kinds: Sequence[str]) -> None:
    """Queue interrupted jobs of these kinds again; those whose attempts are used up have failed."""
    if not fetch(db, "select 1 from job where state = 'interrupted' limit 1"):
        return
    with writing(db):
        db.execute(
            """update job set state = case when attempts < max_attempts then 'queued' else 'failed' end,
                ended_at = case when attempts < max_attempts then null else ended_at end
            where state = 'interrupted' and kind in (select value from json_each(?))""",
            [to_json(list(kinds))],
        )


def request_cancel(db: Database, id: str, *, at: str | None = None) -> Row | None:
    """Cancel a waiting job at once; ask a running one to stop. Its row now; None if there is no such job."""
    at = at or now()
    with writing(db):
        db.execute(
            f"""update job set cancel_requested = 1, cancel_at = coalesce(cancel_at, :at),
                ended_at = case state when '{RUNNING}' then ended_at else :at end,
                error = case state when '{RUNNING}' then error else 'cancelled before it ran' end,
                state = case state when '{RUNNING}' then state else '{CANCELLED}' end
            where id = :id and state in ('{QUEUED}', '{RUNNING}', '{INTERRUPTED}')""",
            {"at": at, "id": id},
        )
    return get(db, id)


def requeue(db: Database, id: str) -> bool:
    """Queue a job again that failed, was cancelled or interrupted; its attempts count from none. False if it
    is in another state."""
    with writing(db):
        changed = db.execute(
            """update job set state = 'queued', attempts = 0, cancel_requested = 0, cancel_at = null,
                error = null, ended_at = null
            where id = ? and state in ('failed', 'cancelled', 'interrupted')""",
            [id],
        ).rowcount
    return bool(changed)


def refuse(db: Database, id: str, error: str, *, at: str | None = None) -> None:
    """Fail a waiting job that can never run, with the reason."""
    with writing(db):
        db.execute(
            "update job set state = ?, error = ?, ended_at = ? where id = ? and state = ?",
            [FAILED, error, at or now(), id, QUEUED],
        )


def delete(db: Database, id: str) -> bool:
    """Delete a job that has ended, with its numbers and answers. False if it waits or runs, or is needed by
    one that does."""
    with writing(db):
        changed = db.execute(
            """delete from job where id = ? and state not in ('queued', 'running') and not exists (
                select 1 from job as other, json_each(other.needs) as need
                where other.state in ('queued', 'running') and need.value = ?)""",
            [id, id],
        ).rowcount
    return bool(changed)


def waiting(db: Database) -> list[Row]:
    """Queued jobs in the order of the queue, each with `blocked`: its first need that is not done (id, state,
    error; state None if there is no such job any more), or None."""
    rows = fetch(
        db,
        """select job.*, need.value as need_id, other.state as need_state, other.error as need_error
        from job left join json_each(job.needs) as need left join job as other on other.id = need.value
        where job.state = 'queued' and (need.value is null or other.state is not 'done')
        order by job.priority desc, job.created_at, job.rowid, need.id""",
    )
    found: dict[str, Row] = {}
    for row in rows:
        need = {name: row.pop(f"need_{name}") for name in ("id", "state", "error")}
        found.setdefault(row["id"], parsed(row) | {"blocked": need if need["id"] else None})
    return list(found.values())


def lost(db: Database) -> list[Row]:
    """Waiting jobs with a need that failed, was cancelled or is gone: they can never run."""
    return [
        row for row in waiting(db) if row["blocked"] and row["blocked"]["state"] in (None, FAILED, CANCELLED)
    ]
