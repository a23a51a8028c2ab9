"""The page Index: build an index of a dataset, and see what it finds for a question and why, under one or two
settings.

The inspector asks the engine here and now; building is a job.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from app import forms, launch, tables
from app.frame import nothing, said, workspace
from app.text import plain, when
from engine.retrieval.explain import InspectSpec, inspect
from jobs.workspace import home
from storage import artifacts


@st.cache_resource(
    max_entries=2, show_spinner="Reading the index and the embedder; the first time takes a while"
)
def read(place: Path, fingerprint: str) -> Any:
    """An index by its place; the fingerprint makes one that was built anew a new entry."""
    from engine.retrieval import index

    return index.load(place)


def described(row: dict[str, Any]) -> str:
    """An index in one line."""
    chunks = row["manifest"].get("chunks", "?")
    return f"{row['dataset']}: {chunks} chunks, {when(row['created_at'])} ({row['id'][:6]})"


def chosen(rows: list[dict[str, Any]]) -> dict[str, Any]:
    by = {row["id"]: row for row in rows}
    labels = {id: described(row) for id, row in by.items()}
    picked = st.selectbox(
        "Index",
        list(by),
        format_func=lambda id: labels.get(id, id),
        key="index_which",
        persist_state="session",
    )
    return by.get(picked, rows[0])


def facts(row: dict[str, Any]) -> None:
    made = row["manifest"]
    with st.container(horizontal=True):
        for label, name in (("Documents", "documents"), ("Chunks", "chunks"), ("Sentences", "sentences")):
            st.metric(label, made.get(name, "-"), width="content")
        st.metric("Chunk size", f"{made.get('size', '-')} tokens", width="content")


def inspector(row: dict[str, Any]) -> None:
    st.header("Inspector")
    st.caption("What the index finds for a question, and which sentences the answering model would be shown.")
    question = st.text_input("Question", key="index_question", persist_state="session", max_chars=500)
    two = st.checkbox("Compare two settings side by side", key="index_two", persist_state="session")
    sides = st.columns(2, gap="large") if two else [st.container()]
    values = []
    for side, name in zip(sides, "ab", strict=False):
        with side, st.expander(f"Settings {name.upper()}" if two else "Settings", expanded=two):
            values.append(forms.draw(InspectSpec, f"index_{name}", columns=2))
    if not st.button("Search", key="index_search", type="primary") and not question:
        return
    if not question.strip():
        st.warning("Type a question first.")
        return
    index = read(home() / row["path"], row["fingerprint"])
    for name, side, given in zip(
        "AB", st.columns(2, gap="large") if two else [st.container()], values, strict=False
    ):
        with side, said():
            found(index, question, forms.made(InspectSpec, given), f" with settings {name}" if two else "")


def found(index: Any, question: str, spec: InspectSpec, name: str) -> None:
    seen = inspect(index, question, spec)
    with st.container(horizontal=True):
        st.metric("Tokens of the chunks", seen.full_tokens, width="content")
        st.metric("Tokens of the bullets", seen.bullet_tokens, width="content")
        st.metric("Saved", "-" if seen.saved is None else f"{100 * seen.saved:.0f} %", width="content")
    st.markdown("**Chunks found**")
    st.dataframe(
        tables.hits(seen.hits),
        hide_index=True,
        column_config=tables.HITS,
        key=f"index_hits{name}",
        alt=f"Chunks found{name}, with their dense, BM25 and fused scores",
    )
    if "places" not in index.manifest and not any(hit.chunk.marks for hit in seen.hits):
        st.caption(
            "This index keeps no pages and sections: it was built before they were kept. Build it again "
            "to see them."
        )
    st.markdown("**Bullets, in source order**")
    if not seen.reasons:
        st.text("No sentence is close enough to the question: the model would be given no evidence.")
    for reason in seen.reasons:
        st.markdown(f"{reason.bullet.number}\\. {plain(reason.bullet.text)}")
        st.caption(
            f"Score {reason.bullet.score:.2f} = 0.5 x words {reason.overlap:.2f} + 0.5 x cosine "
            f"{reason.cosine:.2f} + 0.7 x passage {reason.passage:.2f}, {reason.tokens} tokens, "
            f"{plain(', '.join(filter(None, (reason.bullet.document, reason.bullet.place))))}: "
            f"{plain(reason.words)}."
        )


st.title("Index")
with workspace() as db:
    rows = artifacts.indexes(db)
    if rows:
        row = chosen(rows)
        facts(row)
        inspector(row)
    else:
        nothing(
            "No index yet",
            "An index holds the documents cut into chunks, ready to be searched. Build one of a dataset "
            "below; an experiment builds its own.",
        )
    launch.form(db, "index", "Build an index")
