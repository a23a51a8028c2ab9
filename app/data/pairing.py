"""The part Pairs of the page Data: the job that makes preference pairs, and the pairs that there are. Looking
at them one by one is reviewing.py's."""

import streamlit as st
from sqlite_utils import Database

from app import launch
from app.data.common import launching, pick, running
from app.data.reviewing import review
from app.frame import nothing, said
from engine.artifact import read_manifest, whole
from jobs.review import place_of
from jobs.shelf import things
from jobs.workspace import artifact
from storage import artifacts

ABOUT = (
    "Two answers to one prompt, the first better: what preference training (DPO, ORPO) learns from. They "
    "come from votes, escalations or the model's own samples."
)


def part(db: Database) -> None:
    """The form, the jobs that run, and the review."""
    words = sets(db)
    with launching("Make preference pairs", bool(words)):
        launch.form(db, "pairs", "", about=ABOUT, warn=False)
    running(db, ("pairs",))
    st.header("Review")
    if not words:
        nothing(
            "No pairs yet",
            "Vote on blind answers in the playground and queue the job above, or let the small model of an "
            "experiment draw samples, or bring in a file with prompt, chosen and rejected.",
        )
        return
    id = pick("Pairs", words, "pairs_which")
    with said():
        review(id, place_of(id))


def sets(db: Database) -> dict[str, str]:
    """Everything that holds pairs, newest first: made ones, then datasets that came with some."""
    found = {
        thing.id: f"{thing.manifest.get('name', thing.id)}: {thing.manifest.get('pairs', 0)} pairs from "
        f"{(thing.manifest.get('spec') or {}).get('source', 'a file')} ({thing.id[:6]})"
        for thing in reversed(things("pairs"))
    }
    for row in artifacts.datasets(db):
        place = artifact("dataset", row["id"])
        count = read_manifest(place).get("pairs", 0) if whole(place) else 0
        if count:
            found[row["id"]] = f"{row['name']}: {count} pairs, imported"
    return found
