"""Launching a job from a page: the form of its kind, and the way to watch it. Runs nothing itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import corpora, forms
from app.frame import said
from app.text import when
from engine.catalog import names
from engine.data.load import SAMPLES
from jobs import queue
from jobs.kinds import KINDS
from jobs.shelf import things
from jobs.specs import ARMS
from storage import artifacts


def choices(db: Database, kind: str) -> tuple[dict[str, Sequence[str]], dict[str, str]]:
    """What the fields of a kind can be, by field, and words for the values: what exists in the workspace."""
    spec = KINDS[kind].Spec
    found: dict[str, Sequence[str]] = {}
    words: dict[str, str] = {}
    for name, field in spec.model_fields.items():
        options = _existing(db, forms.extra(field, "choose"))
        if options is not None:
            found[name] = list(options)
            words |= options
    return found, words


def form(
    db: Database,
    kind: str,
    heading: str,
    *,
    start: Mapping[str, Any] | None = None,
    leave: Sequence[str] = (),
    about: str = "",
    warn: bool = True,
) -> None:
    """A form of a kind of job, with a line on what it is `about`; on submit the job is queued and a link to
    it is shown. A page that shows its jobs says itself that no worker runs (`warn` off)."""
    known = KINDS[kind]
    if heading:
        st.header(heading)
    st.caption(about or f"{known.about[0].upper()}{known.about[1:]}.")
    found, words = choices(db, kind)
    if missing(kind, found):
        return
    with st.form(f"launch_{kind}", border=True):
        values = forms.draw(
            known.Spec, f"launch_{kind}", start=start, leave=leave, choices=found, labels=words
        )
        sent = st.form_submit_button("Queue this job", type="primary", key=f"launch_{kind}_submit")
    if sent:
        with said():
            submitted(queue.submit(kind, forms.made(known.Spec, values)), warn)


def missing(kind: str, found: Mapping[str, Sequence[str]]) -> bool:
    """Whether the workspace lacks something that the kind cannot do without; says what, and where to get
    it."""
    fields = KINDS[kind].Spec.model_fields
    lacking = [name for name, options in found.items() if fields[name].is_required() and not options]
    for name in lacking:
        what = forms.extra(fields[name], "choose") or name
        article = "an" if what[0] in "aeiou" else "a"
        st.markdown(f"This needs {article} {what}, and there is none in this workspace yet.")
        if what == "experiment":
            st.page_link("views/overview.py", label="Run one on the page Overview")
        else:
            st.page_link(
                "views/data.py", label="Import one on the page Data", query_params={"part": "Import"}
            )
    return bool(lacking)


def submitted(id: str, warn: bool = True) -> None:
    """Say that a job was queued, with the way to it, and what is missing for it to run."""
    st.success(f"Job {id} is queued.")
    st.page_link("views/jobs.py", label="Watch it on the page Jobs", query_params={"id": id})
    if warn:
        worker_missing()


def worker_missing() -> None:
    """Say so when no worker takes jobs from the queue."""
    if queue.worker() is None:
        st.warning(
            "No worker runs, so queued jobs wait. `make lab` starts one with these pages; by itself it is "
            "`.venv/bin/python -m jobs worker`."
        )


def _existing(db: Database, what: str) -> dict[str, str] | None:
    """value -> words of everything of one sort that the workspace holds; None for a sort that is typed in."""
    if what == "dataset":
        return {
            row["name"]: f"{row['name']} ({row['documents']} documents)" for row in artifacts.datasets(db)
        }
    if what == "index":
        return {row["id"]: f"{row['dataset']}, {when(row['created_at'])}" for row in artifacts.indexes(db)}
    if what == "adapter":
        made = artifacts.models(db, kind=artifacts.ADAPTER)
        return {row["id"]: f"{row['name']}, {when(row['created_at'])}" for row in made}
    if what == "questions":
        return {place: f"written questions {place}" for place in corpora.written()}
    if what == "experiment":
        return {thing.id: thing.id for thing in reversed(things("experiment"))}
    if what == "documents":
        files = {str(place): f"uploaded: {name}" for name, place in corpora.uploaded().items()}
        return {name: f"{name} (sample)" for name in SAMPLES} | files
    if what == "arms":
        return dict(ARMS)
    if what == "model":
        return {name: name for name in names()}
    return None
