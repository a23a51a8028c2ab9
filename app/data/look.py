"""The part Look of the page Data: what is in a sample corpus or a dataset, and what was left out of it."""

from functools import partial
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import corpora
from app.corpora import Seen
from app.data import frames
from app.data.downloads import downloads
from app.data.parts import go
from app.frame import nothing, said
from app.text import when
from engine.data.load import SAMPLES
from storage import artifacts

ABOUT = {
    "space": "42 articles on spaceflight and the solar system, with questions",
    "handbook": "Bantam's own handbook, a page a technique, with questions",
}
NAMES = {"notes": "Read by a guess"}
FRAMES: dict[str, tuple[Any, str]] = {
    "documents": (frames.documents, "There is no document."),
    "questions": (frames.questions, "There is no question; the lab can write its own."),
    "chats": (frames.chats, ""),
    "pairs": (frames.pairs, ""),
    "notes": (frames.notes, ""),
    "rejected": (frames.rejected, "Nothing was left out."),
}


@st.cache_data(max_entries=4, show_spinner=False)
def sample(name: str) -> Seen:
    """A sample corpus, read once: it does not change."""
    return corpora.sample(name)


def shown(seen: Seen, key: str, name: str = "rows") -> None:
    """Documents, questions, chats, pairs and what was left out, each as a table."""
    for part, (frame_of, none) in FRAMES.items():
        rows = getattr(seen, part)
        count = seen.counts.get(part, len(rows))
        if not count and not none:
            continue
        lost = part == "rejected" and count > 0
        open_ = (
            lost
            or part == "notes"
            or (part == "documents" and count > 0)
            or (part == "pairs" and not seen.documents)
        )
        with st.expander(f"{NAMES.get(part, part.capitalize())} ({count})", expanded=open_):
            frame = frame_of(rows[: corpora.SHOWN])
            if frame.empty:
                st.text(none)
                continue
            if count > len(frame):
                st.caption(f"The first {len(frame)} of {count}.")
            st.dataframe(frame, hide_index=True, key=f"{key}_{part}", alt=f"The {part}")
            if lost:
                downloads(partial(map, frames.reject, rows), f"{name}-rejected", f"{key}_rejected")


def described(row: dict[str, Any]) -> str:
    """A dataset in one line."""
    counts = f"{row['documents']} documents, {row['questions']} questions"
    return f"{row['name']}: {counts}, {when(row['created_at'])}"


def part(db: Database) -> None:
    """Choose a sample or a dataset and look into it."""
    rows = {row["id"]: row for row in artifacts.datasets(db)}
    if not rows:
        nothing(
            "No dataset of your own yet",
            "Two sample corpora come with the lab, so that you can look around. Bring your own documents "
            "in and import them; the report names every row that could not be read.",
        )
        st.button("Bring documents in", on_click=go, args=("Import",), type="primary", key="data_go_bring")
    options = [*(id for id in rows if rows[id]["path"] not in SAMPLES), *SAMPLES]
    words = {name: f"{name} (sample): {ABOUT.get(name, '')}" for name in SAMPLES}
    words |= {id: described(row) for id, row in rows.items()}
    chosen = st.session_state.get("data_corpus")
    if chosen is not None and chosen not in options:
        st.warning("The dataset that was chosen here is no longer there.")
        st.session_state["data_corpus"] = options[0]
    picked = st.selectbox(
        "Corpus",
        options,
        format_func=lambda name: words.get(name, name),
        key="data_corpus",
        persist_state="session",
    )
    if picked in SAMPLES:
        shown(sample(picked), "data_sample", picked)
        return
    row = artifacts.find_dataset(db, id=str(picked))
    if row is None:
        st.warning("This dataset is no longer there.")
        return
    with said():
        seen = corpora.dataset(row)
        st.caption(f"Dataset {row['id']}, fingerprint {row['fingerprint']}.")
        shown(seen, "data_dataset", row["name"])
