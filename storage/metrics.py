"""Numbers a job measured while it ran. Does not know what they mean."""

import math
from collections.abc import Iterable

from sqlite_utils import Database

from storage.db import Row, fetch, now, writing


def record(db: Database, job_id: str, name: str, step: int, value: float, *, at: str | None = None) -> None:
    """Keep one number; a resumed job that measures a step again replaces it."""
    record_many(db, job_id, [(name, step, value)], at=at)


def record_many(
    db: Database, job_id: str, values: Iterable[tuple[str, int, float]], *, at: str | None = None
) -> None:
    """Keep many (name, step, value) in one transaction. NaN and infinity are kept as null: measured, but no
    number."""
    at = at or now()
    rows = [(job_id, name, int(step), _finite(value), at) for name, step, value in values]
    with writing(db):
        db.conn.executemany(
            """insert into metric (job_id, name, step, value, at) values (?, ?, ?, ?, ?)
            on conflict (job_id, name, step) do update set value = excluded.value, at = excluded.at""",
            rows,
        )


def series(db: Database, job_id: str, name: str | None = None) -> list[Row]:
    """A job's numbers (name, step, value, at), of one name if given, by name and step."""
    return fetch(
        db,
        """select name, step, value, at from metric
        where job_id = :job and (:name is null or name = :name) order by name, step""",
        {"job": job_id, "name": name},
    )


def _finite(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None
