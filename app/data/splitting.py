"""The part Split of the page Data: the job that divides a dataset's questions, how many of each kind stand
where, what leaked, and the fingerprints that freeze it."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import corpora, launch
from app.data import frames
from app.data.downloads import downloads
from app.data.parts import launching, look_at, made_of, pick, running, standing, versions
from app.frame import nothing, said
from app.text import plain
from engine.data.dataset import QUESTIONS, read_records
from engine.data.records import Question
from engine.data.split import check_frozen
from engine.errors import DataError
from jobs.kinds.split import read_leaks

ABOUT = (
    "What is left after train and dev is test. Questions of train that are like one of dev or test, and of "
    "dev like one of test, are taken out, and the split is frozen: training and evaluating refuse one that "
    "was changed, and a test question that was trained on."
)


@st.cache_resource(max_entries=2, show_spinner="Reading the questions")
def questions_of(place: Path) -> tuple[Question, ...]:
    """The questions of a dataset, which never change; a resource, so that they are not copied each time."""
    return read_records(place / QUESTIONS, Question)


def part(db: Database) -> None:
    """The form, the jobs that run, and the divided datasets."""
    found = made_of(db, "split_of")
    with launching("Divide a dataset", bool(found)):
        launch.form(db, "split", "", about=ABOUT, warn=False)
    running(db, ("split",))
    st.header("Splits")
    if not found:
        nothing(
            "No split yet",
            "Choose a dataset with questions above and queue the job. An imported dataset has dev and test "
            "already; a split of its own is needed for a part to train on, or for other shares.",
        )
        return
    id = pick("Divided dataset", versions(found), "split_which")
    with said():
        place = standing(id)
        counts(questions_of(place))
        st.button("Look into it", on_click=look_at, args=(id,), key="split_look")
        fingerprints(found[id], questions_of(place))
        contamination(found[id], place)


def counts(questions: tuple[Question, ...]) -> None:
    """How many questions of each kind are in each split."""
    total = Counter(question.split for question in questions)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for question in questions:
        kinds[question.kind or ("unanswerable" if not question.answers else "")][question.split] += 1
    with st.container(horizontal=True):
        for name in frames.SPLITS:
            st.metric(f"{name.capitalize()} questions", total[name], width="content")
    st.dataframe(frames.splits(kinds), hide_index=True, key="split_counts", alt="Questions by kind and split")


def fingerprints(manifest: dict[str, Any], questions: tuple[Question, ...]) -> None:
    """The fingerprint of each split, and whether the questions are still those it was made of."""
    st.subheader("Frozen")
    try:
        check_frozen(manifest["frozen"], questions)
    except DataError as error:
        st.error(plain(error))
    else:
        st.markdown("Every split is the one that was frozen; results on it can be compared.")
    marks = ", ".join(f"{name} {mark}" for name, mark in manifest["frozen"].items())
    st.caption(f"Fingerprints: {plain(marks)}; seed {manifest.get('spec', {}).get('seed', 0)}.")


def contamination(manifest: dict[str, Any], place: Path) -> None:
    """Which questions were like one of a later split, and what was done about it."""
    st.subheader("Contamination")
    leaks = read_leaks(place)
    if not leaks:
        st.text("No question is like one of another split: not by its words, a run of them, or its meaning.")
        return
    dropped = manifest.get("spec", {}).get("drop", True)
    done = "were taken out" if dropped else "were left in, as the settings said"
    of = Counter(leak.get("split", "train") for leak in leaks)
    counted = " and ".join(f"{of[name]} of {name}" for name in ("train", "dev") if of[name])
    st.markdown(f"Questions that were like one of a later split, {counted}, {done}.")
    shown = frames.leaks(leaks[: corpora.SHOWN])
    st.dataframe(shown, hide_index=True, key="split_leaks", alt="What leaked")
    downloads(lambda: leaks, f"{manifest['name']}-leaks", "split_leaks")
