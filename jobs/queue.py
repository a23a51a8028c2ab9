"""Jobs put in the queue, asked to stop, queued again: what the pages and the command line call. Starts no
process; the worker does."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

from pydantic import BaseModel
from sqlite_utils import Database

from engine.errors import ConfigError
from jobs.kinds import checked_spec, kind_of
from jobs.kinds.import_ import name_of
from jobs.processes import alive
from jobs.workspace import checked_name, home
from storage import jobs, queue, workers
from storage.db import Row, connect, writing

ATTEMPTS = 3
MOST_URGENT = 1_000_000  # either way
RUNNERS = ("local", "ray")
DATASETS = ("import", "ablation")


def submit(
    kind: str,
    spec: BaseModel | Mapping[str, Any],
    *,
    needs: Sequence[str] = (),
    name: str = "",
    priority: int = 0,
    runner: str = "local",
    attempts: int = 0,
    db: Database | None = None,
) -> str:
    """Queue a job, with those it is made of, and return its id.

    `needs` are ids of jobs that must be done before. `attempts` is how often its process may die before it
    counts as failed (0: BANTAM_ATTEMPTS, else 3). Raises ConfigError for a spec, name or need that does not
    fit; nothing is queued then.
    """
    checked, found = checked_spec(kind, spec), kind_of(kind)
    if runner not in RUNNERS:
        raise ConfigError(f"There is no runner {runner!r}: use one of {', '.join(RUNNERS)}.")
    if abs(priority) > MOST_URGENT:
        raise ConfigError(f"The priority {priority} is too far from 0: {MOST_URGENT:,} is the highest.")
    options: dict[str, Any] = {
        "priority": priority,
        "runner": runner,
        "max_attempts": attempts or _attempts(),
    }
    with opened(db) as base, writing(base):
        wanted = _known(base, needs)
        called = checked_name(name or _name(kind, checked, base))
        if found.plan is None:
            return _put(base, kind, checked, called, wanted, None, options)
        try:
            parts = found.plan(checked, called)
        except ValueError as error:
            raise ConfigError(f"{kind}: {error}.") from error
        whole = new_id(base, kind)
        ids: dict[str, str] = {}
        for part in parts:
            uses = {field: ids[other] for field, other in part.uses.items()}
            inner = checked_spec(part.kind, {**part.fields, **uses})
            before = list(dict.fromkeys([*wanted, *uses.values()]))
            ids[part.kind] = _put(base, part.kind, inner, called, before, whole, options)
        return _put(base, kind, checked, called, [*wanted, *ids.values()], None, options, id=whole)


def cancel(id: str, db: Database | None = None) -> Row:
    """Ask a job, and all it is made of, to stop; those that wait are cancelled at once. Its row now."""
    with opened(db) as base:
        row = found(base, id)
        for child in reversed(jobs.listed(base, parent=id, limit=1000)):
            queue.request_cancel(base, child["id"])
        if row["state"] in (jobs.QUEUED, jobs.RUNNING, jobs.INTERRUPTED):
            return queue.request_cancel(base, id) or row
        raise ConfigError(f"The job {id} is {row['state']}: there is nothing to cancel.")


def resume(id: str, db: Database | None = None) -> Row:
    """Queue a job again that failed, was cancelled or interrupted, with whatever it needs that did. It goes
    on from its last checkpoint. Its row now."""
    with opened(db) as base, writing(base):
        row = found(base, id)
        if row["state"] in (jobs.QUEUED, jobs.RUNNING):
            raise ConfigError(f"The job {id} is {row['state']} already.")
        if row["state"] == jobs.DONE:
            raise ConfigError(f"The job {id} is done: use duplicate to run it again.")
        _again(base, row)
        return found(base, id)


def duplicate(
    id: str, changes: Mapping[str, Any] | None = None, *, name: str = "", db: Database | None = None
) -> str:
    """Queue a new job with the spec of another, some settings changed, and return its id."""
    with opened(db) as base:
        row = found(base, id)
        kind = "ablation" if row["kind"] == "quickstart" else row["kind"]
        needs = [need for need in row["needs"] if _outside(base, need, id)]
        return submit(
            kind,
            {**row["spec"], **(changes or {})},
            needs=needs,
            name=name or (row["name"] if not (changes or {}).get("name") else ""),
            priority=row["priority"],
            runner=row["runner"],
            attempts=row["max_attempts"],
            db=base,
        )


def delete(id: str, db: Database | None = None) -> None:
    """Delete a job that has ended, with its numbers, answers and log; what it made stays."""
    with opened(db) as base:
        row = found(base, id)
        if not queue.delete(base, id):
            raise ConfigError(
                f"The job {id} is {row['state']}, or others that are not done need it: cancel those first."
            )
    log(row).unlink(missing_ok=True)


def found(db: Database, id: str) -> Row:
    """The job of this id. Raises ConfigError if there is none."""
    row = jobs.get(db, id)
    if row is None:
        raise ConfigError(f"There is no job {id[:80]!r} here: `python -m jobs list` shows those there are.")
    return row


def worker(db: Database | None = None) -> Row | None:
    """The worker of this workspace if one lives here: pid, devices, started_at, heartbeat_at."""
    with opened(db) as base:
        row = workers.current(base)
    return row if row and alive(row["pid"], row["pid_created"]) else None


def log(row: Row) -> Path:
    """Where a job's log is."""
    return home() / "logs" / f"{checked_name(row['id'])}.log"


def log_tail(row: Row, lines: int = 200, most: int = 100_000) -> str:
    """The last lines of a job's log, "" before there are any. Reads no more than `most` bytes."""
    try:
        with log(row).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def new_id(db: Database, kind: str) -> str:
    """A free id: the kind and eight hex digits."""
    while True:
        id = f"{kind}-{token_hex(4)}"
        if jobs.get(db, id) is None:
            return id


@contextmanager
def opened(db: Database | None = None) -> Iterator[Database]:
    """`db`, or the workspace's own, closed afterwards."""
    base = db if db is not None else connect(home())
    try:
        yield base
    finally:
        if db is None:
            base.close()


def _put(
    db: Database,
    kind: str,
    spec: BaseModel,
    name: str,
    needs: Sequence[str],
    parent: str | None,
    options: Mapping[str, Any],
    id: str = "",
) -> str:
    """Insert the row. A kind that never needs a GPU does not wait for one."""
    device = getattr(spec, "device", "auto") if kind_of(kind).device else "cpu"
    if not kind_of(kind).device:
        options = {**options, "runner": "local"}  # a cluster has nothing to offer it
    id = id or new_id(db, kind)
    try:
        queue.enqueue(
            db, id, kind, name, spec.model_dump(), needs=needs, parent=parent, device=device, **options
        )
    except sqlite3.IntegrityError:  # another process took the id in this very moment
        return _put(db, kind, spec, name, needs, parent, options)
    return id


def _known(db: Database, needs: Sequence[str]) -> list[str]:
    for need in needs:
        row = found(db, need)
        if row["state"] in (jobs.FAILED, jobs.CANCELLED):
            raise ConfigError(
                f"The job {need} is {row['state']}, so nothing can wait for it: resume it first."
            )
    return list(dict.fromkeys(needs))


def _name(kind: str, spec: Any, db: Database) -> str:
    """What a job is called if nobody says: its dataset or experiment."""
    if given := getattr(spec, "name", ""):
        return str(given)
    if kind in DATASETS:
        return name_of(spec.documents)
    named = str(getattr(spec, "dataset", kind))
    row = jobs.get(db, named)
    return str(row["name"]) if row else named


def _again(db: Database, row: Row) -> None:
    for need in row["needs"]:
        other = jobs.get(db, need)
        if other and other["state"] in (jobs.FAILED, jobs.CANCELLED, jobs.INTERRUPTED):
            _again(db, other)
    queue.requeue(db, row["id"])


def _outside(db: Database, need: str, id: str) -> bool:
    other = jobs.get(db, need)
    return other is not None and other["parent"] != id


def _attempts() -> int:
    text = os.environ.get("BANTAM_ATTEMPTS") or str(ATTEMPTS)
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise ConfigError(f"BANTAM_ATTEMPTS is {text!r}: it has to be a number from 1 to 1000.")
    return int(text)
