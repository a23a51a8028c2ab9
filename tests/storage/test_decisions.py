"""Decisions on pairs: the last one stands, and undo takes back the latest of the set that is looked at."""

from pathlib import Path

import pytest

from storage import decisions
from storage.db import connect


def test_the_last_decision_on_a_pair_stands(tmp_path: Path) -> None:
    db = connect(tmp_path)
    decisions.decide(db, "a", decisions.REJECTED, "one")
    decisions.decide(db, "a", decisions.ACCEPTED, "two")
    assert decisions.read(db) == {"a": "accepted"}


def test_undo_takes_back_the_latest_of_its_own_set_and_nothing_else(tmp_path: Path) -> None:
    db = connect(tmp_path)
    for pair, source in (("a", "one"), ("b", "one"), ("c", "two")):
        decisions.decide(db, pair, decisions.ACCEPTED, source)
    decisions.decide(db, "a", decisions.REJECTED, "one")  # decided again: now the latest
    undone = decisions.undo(db, "one")
    assert undone is not None and undone["pair"] == "a"
    assert decisions.read(db) == {"b": "accepted", "c": "accepted"}
    decisions.undo(db, "one")
    assert decisions.undo(db, "one") is None and decisions.read(db) == {"c": "accepted"}


def test_there_is_no_third_verdict(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="accepted, rejected"):
        decisions.decide(connect(tmp_path), "a", "perhaps", "one")
