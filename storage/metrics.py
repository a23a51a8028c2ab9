"""Numbers a job measured while it ran, and curves of them. Does not know what they mean."""

import math
from collections.abc import Iterable

from sqlite_utils import Database

from storage.db import Row, fetch, now, writing

POINTS = 400
# each name is found by a step in the key from the one before: the time does not grow with the numbers
NAMES = """with recursive found (name) as (
        select min(name) from metric where job_id = :job
        union all
        select (select min(name) from metric where job_id = :job and name > found.name) from found
        where found.name is not null)"""


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


def names(db: Database, job_id: str) -> list[str]:
    """The names of a job's numbers, in order."""
    return [
        row["name"]
        for row in fetch(db, f"{NAMES} select name from found where name is not null", {"job": job_id})
    ]


def latest(db: Database, job_id: str) -> dict[str, float | None]:
    """The last value of each of a job's numbers, by its name."""
    rows = fetch(
        db,
        f"""{NAMES} select name, (select value from metric where job_id = :job and name = found.name
            order by step desc limit 1) as value from found where name is not null""",
        {"job": job_id},
    )
    return {row["name"]: row["value"] for row in rows}


def curve(db: Database, job_id: str, name: str, points: int = POINTS) -> list[Row]:
    """One curve (step, value, low, high, count) with at most `points` points, drawn in the database.

    Steps are put in that many buckets of equal width: `step` is the last one of its bucket, `value` the mean,
    `low` and `high` the least and the greatest, `count` how many there are. Buckets without a number are left
    out. Up to `points` steps come as they are.
    """
    return fetch(
        db,
        """with ends as (
            select (select min(step) from metric where job_id = :job and name = :name) as first,
                (select max(step) from metric where job_id = :job and name = :name) as last)
        select max(step) as step, avg(value) as value, min(value) as low, max(value) as high,
            count(value) as count
        from metric, ends where job_id = :job and name = :name and value is not null
        group by case when last - first < :points then step
            else (step - first) * :points / (last - first + 1) end
        order by 1""",
        {"job": job_id, "name": name, "points": max(1, points)},
    )


def _finite(value: float) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None
