"""The page Models: what was made of what (dataset, index, questions, adapter, evaluation, experiment), the
manifests, and deleting with what depends on it named.
"""

import json

import streamlit as st
from sqlite_utils import Database

from app import tables
from app.frame import nothing, said, workspace
from app.text import plain, size
from jobs import shelf
from jobs.shelf import Thing
from jobs.workspace import home

HEADINGS = {
    "adapter": "Adapters",
    "experiment": "Experiments",
    "index": "Indexes",
    "questions": "Written questions",
    "dataset": "Datasets",
}


def words(thing: Thing) -> str:
    """What a thing is, in a few words."""
    made = thing.manifest
    return {
        "adapter": f"on {made.get('base')}",
        "dataset": str(made.get("name", "")),
        "index": f"{made.get('chunks', '?')} chunks",
        "questions": f"{(made.get('counts') or {}).get('kept', '?')} kept",
        "experiment": ", ".join(made.get("arms") or ()),
    }.get(thing.kind, "")


def lineage(thing: Thing, known: list[Thing]) -> None:
    """The chain from the dataset to the experiments, a line each, the chosen one marked."""
    st.header("Lineage")
    before, after = shelf.sources(thing.kind, thing.id, known), shelf.dependents(thing.kind, thing.id, known)
    for number, one in enumerate([*before, thing, *after], 1):
        line = f"{one.kind} {plain(one.id)}: {plain(words(one))}"
        st.markdown(f"{number}. **{line}**" if one == thing else f"{number}. {line}")


def manifest(thing: Thing) -> None:
    """The manifest as it lies on the disk, and how much the artefact takes."""
    st.header("Manifest")
    place = home() / "artifacts" / thing.kind / thing.id
    held = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    st.caption(f"{plain(place.relative_to(home()))}, {size(held)} on disk.")
    with st.expander("As it lies on the disk"):
        # no colours: those of a code block are too faint to read
        st.code(json.dumps(thing.manifest, indent=1, ensure_ascii=False), language=None, wrap_lines=True)


def deletion(db: Database, thing: Thing, known: list[Thing]) -> None:
    """What keeps it from being deleted, or the button, which works once the box is ticked."""
    st.header("Delete")
    users = shelf.dependents(thing.kind, thing.id, known)
    for one in users:
        st.markdown(f"- {one.kind} {plain(one.id)} depends on it: delete that first.")
    if not users:
        st.text("Nothing depends on it.")
    sure = st.checkbox(
        f"Delete this {thing.kind} and its files for good",
        key=f"models_sure_{thing.id}",
        disabled=bool(users),
    )
    if st.button("Delete", key="models_delete", disabled=bool(users) or not sure):
        with said():
            shelf.delete(db, thing.kind, thing.id)
            st.session_state["models_deleted"] = f"The {thing.kind} {thing.id} is deleted."
            st.rerun()


st.title("Models")
if done := st.session_state.pop("models_deleted", None):
    st.success(plain(done))
with workspace() as db:
    known = shelf.things()
    newest = {f"{one.kind} {one.id}": one for one in reversed(known)}
    if newest:
        for kind, heading in HEADINGS.items():
            rows = [one for one in newest.values() if one.kind == kind]
            if rows:
                st.header(heading)
                frame = tables.made(kind, rows)
                st.dataframe(frame, hide_index=True, placeholder="-", key=f"models_{kind}", alt=heading)
        picked = st.selectbox(
            "Look at",
            list(newest),
            format_func=lambda name: f"{name}: {words(newest[name])}" if name in newest else name,
            key="models_which",
        )
        if picked in newest:
            lineage(newest[picked], known)
            manifest(newest[picked])
            deletion(db, newest[picked], known)
    else:
        nothing(
            "Nothing was made yet",
            "Datasets, indexes, adapters and experiments appear here with what they were made of. Launch the "
            "quickstart on the page Overview, or a job on the pages Data, Index and Train.",
        )
