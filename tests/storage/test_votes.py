"""A vote keeps both sides whole, and the tally does not care on which side a set-up stood."""

from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from storage import votes
from storage.db import connect


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return connect(tmp_path)


def side(name: str, answer: str = "1648") -> dict[str, Any]:
    return {
        "name": name,
        "setup": {"tiers": ["small"], "k": 3},
        "prompt": [{"role": "user", "content": "When?"}],
        "bullets": [{"number": 1, "text": "It was signed in 1648."}],
        "answer": answer,
        "raw": f"{answer} [1]",
        "refused": False,
        "trace": {"ms": {"draft": 12.5}},
    }


def cast(
    db: Database, vote: str, left: str = "small", right: str = "large", experiment: str = "space"
) -> int:
    return votes.record(
        db,
        experiment=experiment,
        question="When?",
        vote=vote,
        blind=True,
        left=side(left),
        right=side(right, "1649"),
    )


def test_a_vote_is_read_as_it_was_cast(db: Database) -> None:
    number = cast(db, votes.LEFT)
    (row,) = votes.read(db, "space")
    assert row["id"] == number and row["vote"] == "left" and row["blind"] is True
    assert row["left_side"] == side("small") and row["right_side"] == side("large", "1649")
    assert (row["left_name"], row["right_name"], row["question"]) == ("small", "large", "When?")


def test_votes_of_other_experiments_are_not_read(db: Database) -> None:
    cast(db, votes.TIE, experiment="rust")
    assert votes.read(db, "space") == [] and len(votes.read(db)) == 1


@pytest.mark.parametrize("vote", ["LEFT", "", "left'; drop table vote", "both"])
def test_another_vote_is_refused(db: Database, vote: str) -> None:
    with pytest.raises(ValueError, match="a vote is one of"):
        cast(db, vote)
    assert votes.read(db) == []


def test_a_side_without_its_prompt_is_refused(db: Database) -> None:
    whole = side("small")
    del whole["prompt"]
    with pytest.raises(ValueError, match="a side has the keys"):
        votes.record(
            db, experiment="e", question="q", vote="tie", blind=False, left=whole, right=side("large")
        )


def test_the_tally_counts_a_set_up_on_both_sides(db: Database) -> None:
    cast(db, votes.LEFT, "small", "large")
    cast(db, votes.RIGHT, "large", "small")
    cast(db, votes.LEFT, "large", "small")
    cast(db, votes.TIE, "large", "small")
    cast(db, votes.BAD)
    cast(db, votes.LEFT, "small", "another")
    cast(db, votes.LEFT, "small", "large", experiment="rust")
    assert votes.tally(db, "space", "small", "large") == {"first": 2, "second": 1, "tie": 1, "bad": 1}
    assert votes.tally(db, "space", "large", "small") == {"first": 1, "second": 2, "tie": 1, "bad": 1}


def test_a_name_of_sql_is_a_name(db: Database) -> None:
    name = "x' or '1'='1"
    cast(db, votes.LEFT, name, "large")
    assert votes.tally(db, "space", name, "large")["first"] == 1
    assert votes.tally(db, "space", "x", "large")["first"] == 0
