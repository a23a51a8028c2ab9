"""The page Jobs: the queue with its states, and one job in full: progress, log, numbers, the command that
repeats it, and its copy with other settings.

`?id=` opens a job; an id that does not exist is said and nothing else happens.
"""

from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import forms, jobcard, launch, tables
from app.frame import nothing, said, watching, workspace
from app.text import plain
from jobs import queue, recipe
from jobs.kinds import KINDS
from storage import jobs, metrics

A_PAGE = 25
ALL = "all"
TAIL = 40  # lines; all of them would need a box to scroll, which the keyboard does not reach


def one(id: str) -> bool:
    """The job's live part; whether it still runs or waits."""
    row = None
    with workspace() as db:
        row = queue.found(db, id)
        jobcard.heading(row)
        jobcard.progress(row)
        jobcard.facts(row)
        jobcard.buttons(row, "jobs_one")
        latest = metrics.latest(db, id)
        if latest:
            with st.expander("Latest numbers", expanded=True):
                st.dataframe(
                    tables.numbers(latest), hide_index=True, key="jobs_numbers", alt="Latest metrics"
                )
        st.markdown("**Log**")
        tail = queue.log_tail(row, TAIL)
        st.code(tail or "Nothing yet.", language=None, wrap_lines=True)
        log = queue.log(row)
        if tail and log.is_file():
            st.download_button(
                "The whole log", data=log.read_bytes, file_name=f"{id}.log", key="jobs_log", on_click="ignore"
            )
    return row is not None and row["state"] in jobcard.UNFINISHED


def again(row: dict[str, Any]) -> None:
    """The command and the TOML that repeat a job, to copy."""
    st.header("Run it again")
    st.code(recipe.command(row), language=None, wrap_lines=True)
    with st.expander("The same as TOML, for `submit --spec FILE.toml`"):
        st.code(recipe.toml(row), language=None, wrap_lines=True)


def tweak(db: Database, row: dict[str, Any]) -> None:
    """A copy of the job with settings changed in its form."""
    spec = KINDS[row["kind"]].Spec if row["kind"] in KINDS else None
    if spec is None:
        return
    with st.expander("Duplicate and tweak"), st.form(f"jobs_tweak_{row['id']}", border=False):
        found, words = launch.choices(db, row["kind"])
        values = forms.draw(spec, f"jobs_tweak_{row['id']}", start=row["spec"], choices=found, labels=words)
        if st.form_submit_button("Queue the copy", type="primary", key="jobs_tweak_submit"):
            with said():
                made = forms.made(spec, values).model_dump(mode="json")
                changed = {name: value for name, value in made.items() if value != row["spec"].get(name)}
                launch.submitted(queue.duplicate(row["id"], changed))


def detail(db: Database, id: str) -> None:
    row = jobs.get(db, id)
    if row is None:
        st.error(
            f"There is no job {plain(repr(id[:80]))} in this workspace. Choose one from the queue below."
        )
        return
    st.page_link("views/jobs.py", label="Back to the whole queue")
    watching(lambda: one(id), row["state"] in jobcard.UNFINISHED)
    again(row)
    tweak(db, row)
    children = jobs.listed(db, parent=id, limit=A_PAGE)
    if children:
        st.header("Its steps")
        for child in reversed(children):
            jobcard.brief(child, f"jobs_child_{child['id']}")


def queue_table(db: Database) -> bool:
    """The queue, a page at a time; whether something in it is not finished."""
    counts = jobs.counts(db)
    if not sum(counts.values()):
        nothing(
            "No job yet",
            "Everything that takes long is a job: imports, indexes, training, evaluation. Start the "
            "quickstart experiment on the page Overview, or a single job on the pages Data, Index, Train "
            "and Evaluate.",
        )
        return False
    with st.container(horizontal=True):
        for state in jobs.STATES:
            if counts[state]:
                st.metric(state, counts[state], width="content")
    with st.container(horizontal=True):
        state = st.selectbox(
            "State", [ALL, *jobs.STATES], key="jobs_state", persist_state="session", width=180
        )
        kind = st.selectbox("Kind", [ALL, *KINDS], key="jobs_kind", persist_state="session", width=180)
        matching = sum(counts.values()) if state == ALL else counts[state]
        pages = max(1, -(-matching // A_PAGE))
        page = st.number_input("Page", 1, pages, key="jobs_page", width=120, help=f"of {pages}")
    rows = jobs.listed(
        db,
        state=None if state == ALL else state,
        kind=None if kind == ALL else kind,
        limit=A_PAGE,
        offset=A_PAGE * (int(page) - 1),
    )
    st.dataframe(
        tables.queue(rows), hide_index=True, column_config=tables.QUEUE, key="jobs_table", alt="The queue"
    )
    ids = {row["id"]: jobcard.label(row) for row in rows}
    if ids:
        picked = st.selectbox(
            "Look at a job", list(ids), index=None, format_func=lambda id: ids.get(id, id), key="jobs_pick"
        )
        if picked:
            st.query_params["id"] = picked
            st.rerun()
    return bool(counts[jobs.QUEUED] or counts[jobs.RUNNING])


def overview() -> bool:
    active = False
    with workspace() as db:
        active = queue_table(db)
    return active  # noqa: RET504 - the block may end early, with a sentence on the page


st.title("Jobs")
launch.worker_missing()
with workspace() as db:
    asked = st.query_params.get("id", "")
    if asked:
        detail(db, asked)
    if not asked or jobs.get(db, asked) is None:
        counts = jobs.counts(db)
        watching(overview, bool(counts[jobs.QUEUED] or counts[jobs.RUNNING]))
