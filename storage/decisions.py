"""What people decided about preference pairs, by the pair's own content: a pair that was rejected once stays
rejected, whatever artefact it comes in again.

Knows no pair: a `pair` here is the short name that jobs/review.py makes of one.
"""

from sqlite_utils import Database

from storage.db import Row, fetch, now, writing

ACCEPTED, REJECTED = "accepted", "rejected"
VERDICTS = (ACCEPTED, REJECTED)


def decide(db: Database, pair: str, verdict: str, source: str, at: str | None = None) -> None:
    """Keep a decision on `pair`, seen in the artefact `source`; an earlier one on it is replaced. ValueError
    for another verdict."""
    if verdict not in VERDICTS:
        raise ValueError(f"a decision is one of {', '.join(VERDICTS)}, not {verdict!r}")
    with writing(db):
        db.execute("delete from decision where pair = ?", [pair])
        db.execute(
            "insert into decision (pair, verdict, source, created_at) values (?, ?, ?, ?)",
            [pair, verdict, source, at or now()],
        )


def undo(db: Database, source: str) -> Row | None:
    """Take back the latest decision made in `source` and return it; None if there is none."""
    with writing(db):
        rows = fetch(db, "select * from decision where source = ? order by id desc limit 1", [source])
        if not rows:
            return None
        db.execute("delete from decision where id = ?", [rows[0]["id"]])
        return rows[0]


def read(db: Database) -> dict[str, str]:
    """Every pair that was decided on, with the verdict."""
    return {row["pair"]: row["verdict"] for row in fetch(db, "select pair, verdict from decision")}
