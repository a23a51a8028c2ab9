"""The page Models: what was made of what (dataset, index, adapter, evaluations), the manifests, and
deleting with what depends on it named.
"""

import json
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import tables
from app.frame import nothing, said, workspace
from app.text import plain, size, when
from jobs import removal
from jobs.workspace import home
from storage import artifacts, listing

ALL = {"adapter": "Adapters", "index": "Indexes", "dataset": "Datasets"}


def things(db: Database) -> dict[tuple[str, str], dict[str, Any]]:
    """Everything that can be looked at, by (kind, id)."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in listing.models(db, artifacts.ADAPTER):
        found["adapter", row["id"]] = row
    for row in listing.indexes(db):
        found["index", row["id"]] = row
    for row in listing.datasets(db):
        found["dataset", row["id"]] = row
    return found


def label(key: tuple[str, str], row: dict[str, Any]) -> str:
    kind, id = key
    name = row.get("name") or row.get("dataset") or ""
    return f"{kind} {name} ({id[:8]}), {when(row['created_at'])}"


def lineage(found: dict[tuple[str, str], dict[str, Any]], key: tuple[str, str]) -> None:
    """The chain from the dataset to the evaluations, a line each, the chosen one marked."""
    st.header("Lineage")
    kind, id = key
    row = found[key]
    indexes = {id_: one for (kind_, id_), one in found.items() if kind_ == "index"}
    adapters = {id_: one for (kind_, id_), one in found.items() if kind_ == "adapter"}
    prints = (
        {row["fingerprint"]}
        if kind == "index"
        else {row["manifest"].get("index")}
        if kind == "adapter"
        else set()
    )
    mine = {
        id_: one
        for id_, one in indexes.items()
        if one["fingerprint"] in prints or (kind == "dataset" and one["dataset_id"] == id)
    }
    sets = {one["dataset_id"] for one in mine.values()} | ({id} if kind == "dataset" else set())
    tuned = {
        id_: one
        for id_, one in adapters.items()
        if id_ == id
        or (kind != "adapter" and one["manifest"].get("index") in {m["fingerprint"] for m in mine.values()})
    }
    lines = [
        *(
            step("dataset", id_, found["dataset", id_]["name"], key)
            for id_ in sets
            if ("dataset", id_) in found
        ),
        *(
            step("index", id_, f"{one['manifest'].get('chunks', '?')} chunks", key)
            for id_, one in mine.items()
        ),
        *(step("adapter", id_, f"on {one['base']}", key) for id_, one in tuned.items()),
        *(
            step("evaluation", name, ", ".join(manifest.get("arms") or ()), key)
            for name, manifest in removal.experiments().items()
            if manifest.get("adapter") in tuned or manifest.get("index") in mine
        ),
    ]
    for place, line in enumerate(lines):
        st.markdown(f"{place + 1}. {line}")


def step(kind: str, id: str, words: str, chosen: tuple[str, str]) -> str:
    line = f"{kind} {plain(id)}: {plain(words)}"
    return f"**{line}**" if (kind, id) == chosen else line


def deletion(db: Database, key: tuple[str, str]) -> None:
    """What deleting would take away, and the button, which works once that was read."""
    kind, id = key
    st.header("Delete")
    lost = removal.dependents(db, kind, id)
    for one in lost:
        st.markdown(f"- {plain(one.kind)} {plain(one.name)}: {plain(one.loss)}")
    held = any(one.holds for one in lost)
    if not lost:
        st.text("Nothing depends on it.")
    sure = st.checkbox(f"Delete this {kind} and its files for good", key=f"models_sure_{id}", disabled=held)
    if st.button("Delete", key="models_delete", disabled=held or not sure):
        with said():
            removal.remove(db, kind, id)
            st.session_state["models_deleted"] = f"The {kind} {id} is deleted."
            st.rerun()


def detail(db: Database, found: dict[tuple[str, str], dict[str, Any]], key: tuple[str, str]) -> None:
    row = found[key]
    lineage(found, key)
    st.header("Manifest")
    place = (home() / row["path"]) if row["path"] else None
    if place and place.is_dir() and place.resolve().is_relative_to(home()):
        held = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        st.caption(f"{plain(row['path'])}, {size(held)} on disk.")
    shown = row.get("manifest") or {name: value for name, value in row.items() if name != "rejected"}
    st.code(json.dumps(shown, indent=1, ensure_ascii=False), language="json", height=240, wrap_lines=True)
    deletion(db, key)


st.title("Models")
if done := st.session_state.pop("models_deleted", None):
    st.success(plain(done))
with workspace() as db:
    found = things(db)
    if found:
        for kind, heading in ALL.items():
            rows = [row for (kind_, _), row in found.items() if kind_ == kind]
            if rows:
                st.header(heading)
                st.dataframe(tables.made(kind, rows), hide_index=True, key=f"models_{kind}", alt=heading)
        keys = {f"{kind}:{id}": (kind, id) for kind, id in found}
        picked = st.selectbox(
            "Look at",
            list(keys),
            format_func=lambda name: label(keys[name], found[keys[name]]),
            key="models_which",
        )
        if picked in keys:
            detail(db, found, keys[picked])
    else:
        nothing(
            "Nothing was made yet",
            "Datasets, indexes and adapters appear here with what they were made of. Launch the quickstart "
            "on the page Overview, or a job on the pages Data, Index and Train.",
        )
