"""A pair that a person rejected is in no export and in no pairs made later; one that was accepted is."""

import json
from pathlib import Path

import pytest

from engine.artifact import writing
from engine.data.dataset import PAIRS, write_records
from engine.data.records import Message, Pair
from engine.errors import ConfigError, DataError
from jobs import exporting, review
from storage import decisions
from storage.db import connect


def pair(number: int, chosen: str = "Titan [1]") -> Pair:
    return Pair(f"p{number}", (Message("user", f"Which moon is number {number}?"),), chosen, "Mars", "vote")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    with writing(tmp_path / "artifacts/pairs/abc", {"kind": "pairs", "pairs": 3}) as folder:
        write_records(folder / PAIRS, [pair(1), pair(2), pair(3)])
    return tmp_path


def exported(out: Path, **more: bool) -> list[str]:
    exporting.run("abc", "trl", out, "", 0, 0, **more)
    lines = (out / "preference.jsonl").read_text().splitlines()
    return [json.loads(line)["prompt"][0]["content"][-2] for line in lines]


def test_a_rejected_pair_is_not_exported_and_with_accepted_only_accepted_ones_are(
    home: Path, tmp_path: Path
) -> None:
    db = connect(home)
    decisions.decide(db, review.name_of(pair(1)), decisions.REJECTED, "abc")
    decisions.decide(db, review.name_of(pair(3)), decisions.ACCEPTED, "abc")
    assert exported(tmp_path / "all") == ["2", "3"]
    assert exported(tmp_path / "some", accepted=True) == ["3"]


def test_where_nothing_is_left_to_export_it_is_said(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="None of the 3 pairs of 'abc' is accepted"):
        exported(tmp_path / "none", accepted=True)


def test_a_decision_follows_what_the_pair_says_and_not_its_id_or_origin(home: Path) -> None:
    db = connect(home)
    decisions.decide(db, review.name_of(pair(1)), decisions.REJECTED, "abc")
    same = Pair("other id", pair(1).prompt, pair(1).chosen, pair(1).rejected, "on-policy", 0.4)
    swapped = Pair("p1", pair(1).prompt, pair(1).rejected, pair(1).chosen, "vote")
    assert review.without_rejected(db, [same, swapped]) == ((swapped,), 1)


def test_pairs_that_are_gone_are_said_in_a_sentence(home: Path) -> None:
    assert [one.id for one in review.pairs_of(review.place_of("abc"))] == ["p1", "p2", "p3"]
    with pytest.raises(ConfigError, match="no pairs 'gone' here any more"):
        review.place_of("gone")
