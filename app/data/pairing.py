"""The part Pairs of the page Data: the job that makes preference pairs, and the pairs that there are. Looking
at them one by one is reviewing.py's."""

from typing import NamedTuple

import streamlit as st
from sqlite_utils import Database

from app import forms, launch
from app.data.parts import launching, pick, running, verdicts
from app.data.reviewing import review
from app.frame import nothing, said
from engine.artifact import read_manifest, whole
from jobs import queue
from jobs.kinds import KINDS
from jobs.review import place_of
from jobs.shelf import things
from jobs.workspace import artifact
from storage import artifacts

ABOUT = (
    "Two answers to one prompt, the first better: what preference training (DPO, ORPO) learns from. They "
    "come from a teacher, votes, escalations or the model's own samples."
)


class Source(NamedTuple):
    """Where pairs come from, and the settings that count for it."""

    title: str
    fields: tuple[str, ...]


ALWAYS, ASKED = ("experiment", "margin", "ratio"), ("questions", "device")
DRAWN = (*ASKED, "samples", "temperature", "seed")
TEACHER = ("base_url", "model", "key_env", "price_in", "price_out", "most_tokens", "most_cost")
MORE = ("thinking", "concurrency", "repairs", "timeout", "connect_timeout", "retries", "backoff")
SOURCES = {
    "votes": Source("Blind votes of people in the playground", ALWAYS),
    "escalations": Source("Answers of a later tier that stood against a doubted one", ALWAYS + ASKED),
    "samples": Source("The small model's own samples, ranked by the verifier", ALWAYS + DRAWN),
    "teacher": Source("A teacher's good and mediocre answers", (*ALWAYS, "questions", *TEACHER)),
}


def part(db: Database) -> None:
    """The form, the jobs that run, and the review."""
    words = sets(db)
    with launching("Make preference pairs", bool(words)):
        form(db)
    running(db, ("pairs",))
    st.header("Review")
    if not words:
        nothing(
            "No pairs yet",
            "Vote on blind answers in the playground and queue the job above, or let the small model of an "
            "experiment draw samples, or its cascade answer the training questions, or bring in a file with "
            "prompt, chosen and rejected. Escalations are kept with votes only; what an evaluation asks is "
            "never made a pair.",
        )
        return
    id = pick("Pairs", words, "pairs_which")
    with said():
        place = place_of(id)
        made(read_manifest(place).get("counts"))
        review(id, place)


def form(db: Database) -> None:
    """Where the pairs come from, and the settings that count for it."""
    st.caption(ABOUT)
    spec = KINDS["pairs"].Spec
    found, words = launch.choices(db, "pairs")
    if launch.missing("pairs", found):
        return
    source = st.radio(
        "Where they come from",
        list(SOURCES),
        format_func=lambda name: SOURCES[name].title if name in SOURCES else name,
        key="pairs_source",
        persist_state="session",
    )
    source = source if source in SOURCES else "votes"
    key, values = f"pairs_{source}", {"source": source}
    with st.form(key, border=True):
        values |= forms.draw(spec, key, only=SOURCES[source].fields, choices=found, labels=words)
        if source == "teacher":
            with st.expander("More settings"):
                values |= forms.draw(spec, key, only=MORE)
        sent = st.form_submit_button("Queue this job", type="primary", key=f"{key}_submit")
    if sent:
        with said():
            launch.submitted(queue.submit("pairs", forms.made(spec, values)), warn=False)


def made(counts: dict[str, int] | None) -> None:
    """What was dropped while the pairs were made, by reason."""
    if counts:
        with st.expander(f"Kept when they were made: {counts.get('kept', 0)} of {sum(counts.values())}"):
            verdicts(counts, "pairs_counts", "Pairs kept and dropped by reason", "content")


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
