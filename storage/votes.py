"""Votes on two answers to one question. Each keeps both sides whole: set-up, prompt, bullets, answer.

Knows no preference pair and no interval; `read` gives what one is made of.
"""

from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from storage.db import Row, fetch, from_json, now, to_json, writing

LEFT, RIGHT, TIE, BAD = "left", "right", "tie", "bad"
VOTES = (LEFT, RIGHT, TIE, BAD)
SIDE = ("name", "setup", "prompt", "bullets", "answer", "raw", "refused", "trace")


def record(
    db: Database,
    *,
    experiment: str,
    question: str,
    vote: str,
    blind: bool,
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    at: str | None = None,
) -> int:
    """Keep one vote and return its id. A side has exactly the keys of SIDE: the set-up's `name` and settings,
    the `prompt` as chat messages, the `bullets`, the `answer` as shown and `raw` as decoded, whether it
    `refused`, and the whole `trace`. ValueError for another vote or other keys."""
    if vote not in VOTES:
        raise ValueError(f"a vote is one of {', '.join(VOTES)}, not {vote!r}")
    for side in (left, right):
        if set(side) != set(SIDE):
            raise ValueError(f"a side has the keys {', '.join(SIDE)}, not {', '.join(sorted(side))}")
    with writing(db):
        made = db.execute(
            """insert into vote (experiment, question, vote, blind, left_name, right_name, left_side,
                right_side, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                *(experiment, question, vote, int(blind), str(left["name"]), str(right["name"])),
                *(to_json(dict(left)), to_json(dict(right)), at or now()),
            ],
        )
        return int(made.lastrowid or 0)


def read(db: Database, experiment: str | None = None) -> list[Row]:
    """The votes, of one experiment if given, oldest first; sides parsed, `blind` a bool."""
    rows = fetch(
        db,
        "select * from vote where (:name is null or experiment = :name) order by id",
        {"name": experiment},
    )
    return [{**from_json(row, "left_side", "right_side"), "blind": bool(row["blind"])} for row in rows]


def tally(db: Database, experiment: str, first: str, second: str) -> dict[str, int]:
    """How the set-ups named `first` and `second` stand against each other, whichever side each was on: the
    votes for `first` and for `second`, `tie` and `bad`."""
    rows = fetch(
        db,
        """select case when vote in ('tie', 'bad') then vote
                when (vote = 'left') = (left_name = :first) then 'first' else 'second' end as won,
            count(*) as votes
        from vote where experiment = :experiment and left_name != right_name
            and left_name in (:first, :second) and right_name in (:first, :second)
        group by won""",
        {"experiment": experiment, "first": first, "second": second},
    )
    counted = {row["won"]: int(row["votes"]) for row in rows}
    return {name: counted.get(name, 0) for name in ("first", "second", "tie", "bad")}
