"""A job as pages draw it: its state, progress, time left, error, buttons and log. Changes a job only
through the queue."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.frame import said
from app.text import duration, plain, since, when
from jobs import queue
from storage import jobs

COLOURS = {
    jobs.QUEUED: "gray",
    jobs.RUNNING: "blue",
    jobs.DONE: "green",
    jobs.FAILED: "red",
    jobs.CANCELLED: "orange",
    jobs.INTERRUPTED: "orange",
}
UNFINISHED = (jobs.QUEUED, jobs.RUNNING)
STOPPED = (jobs.FAILED, jobs.CANCELLED, jobs.INTERRUPTED)


def label(row: Mapping[str, Any]) -> str:
    """A job in one line of plain text, for lists to choose from."""
    return f"{row['kind']} {row['name']}, {row['state']} ({row['id']})"


def heading(row: Mapping[str, Any]) -> None:
    """Kind, name and state in one line."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(row['kind'])} {plain(row['name'])}**", width="content")
        state(row)


def state(row: Mapping[str, Any]) -> None:
    """The state as a badge, with what a cancel that is on its way means."""
    going = row["state"] in UNFINISHED and row.get("cancel_requested")
    words = "cancelling" if going else row["state"]
    st.badge(words, color="orange" if going else COLOURS.get(row["state"], "gray"))  # type: ignore[arg-type]


def progress(row: Mapping[str, Any]) -> None:
    """A bar with how much of what is done and how long it will take; words where there is no total yet."""
    if row["state"] == jobs.QUEUED:
        needs = ", ".join(row.get("needs") or ())
        st.caption(f"Waits for {plain(needs)}." if needs else "Waits for its turn.")
        return
    now = row.get("progress") or {}
    done, total = now.get("done") or 0, now.get("total") or 0
    if row["state"] != jobs.RUNNING:
        return
    st.progress(min(1.0, done / total) if total else 0.0, text=plain(said_of(row)))


def said_of(row: Mapping[str, Any]) -> str:
    """The progress in words: stage, 120 of 240 chunks, time left."""
    now = row.get("progress") or {}
    if not now:
        return "starting"
    parts = [str(now.get("stage") or row["kind"])]
    if now.get("total"):
        parts.append(f"{now.get('done', 0)} of {now['total']} {now.get('unit') or ''}".strip())
    if now.get("eta") is not None:
        parts.append(f"about {duration(now['eta'])} left")
    if now.get("note"):
        parts.append(str(now["note"]))
    return ", ".join(parts)


def facts(row: Mapping[str, Any]) -> None:
    """When, how long, which attempt, on what; and why it failed."""
    took = since(row["started_at"], row["ended_at"]) if row["started_at"] else None
    said_ = [f"queued {when(row['created_at'])}"]
    if row["started_at"]:
        said_.append(f"started {when(row['started_at'])}")
    if took is not None:
        said_.append(f"{'took' if row['ended_at'] else 'runs for'} {duration(took)}")
    if row.get("attempts"):
        said_.append(f"attempt {row['attempts']} of {row.get('max_attempts') or row['attempts']}")
    if row.get("device"):
        said_.append(f"on {row['device']}")
    text = ", ".join(said_)
    st.caption(f"{text[0].upper()}{plain(text[1:])}.")
    if row.get("error"):
        (st.error if row["state"] == jobs.FAILED else st.warning)(plain(row["error"]))


def buttons(row: Mapping[str, Any], key: str) -> None:
    """Cancel what has not ended, resume what did not end well."""
    with st.container(horizontal=True):
        if row["state"] in UNFINISHED:
            pressed = st.button("Cancel", key=f"{key}_cancel", disabled=bool(row.get("cancel_requested")))
            if pressed:
                with said():
                    queue.cancel(row["id"])
                    st.rerun()
        if row["state"] in STOPPED:
            pressed = st.button("Resume", key=f"{key}_resume", type="primary")
            if pressed:
                with said():
                    queue.resume(row["id"])
                    st.rerun()


def brief(row: Mapping[str, Any], key: str) -> None:
    """A job in a box: heading, bar, error, buttons and a link to all there is to see."""
    with st.container(border=True, key=key):
        heading(row)
        progress(row)
        if row.get("error"):
            st.caption(plain(row["error"]))
        with st.container(horizontal=True, vertical_alignment="center"):
            buttons(row, key)
            st.page_link("views/jobs.py", label="Details", query_params={"id": row["id"]})
