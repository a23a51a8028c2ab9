"""What a part of the page Data is made of: a choice among things that may be gone by now, the form that
queues a job, the jobs while they run, ways to another part."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from sqlite_utils import Database

from app import jobcard, launch
from app.data import frames
from app.frame import watching, workspace
from app.text import plain, when
from engine.artifact import read_manifest, whole
from engine.errors import ConfigError
from jobs.workspace import artifact
from storage import artifacts, jobs

RECENT = 3  # jobs of a kind that are looked at
PART = "part"  # the key of the choice of part, and its name in the address


def pick(label: str, words: Mapping[str, str], key: str, help: str | None = None) -> str:
    """A choice among ids, newest first, with words for each. What is new is chosen by itself; what was chosen
    and is gone is said."""
    options = list(words)
    before, now = st.session_state.get(f"{key}_newest"), st.session_state.get(key)
    if before is not None and before != options[0] and before in words:
        st.session_state[key] = options[0]
    elif now is not None and now not in words:
        st.warning(f"{plain(now)} is no longer there, so the newest is shown.")
        st.session_state[key] = options[0]
    st.session_state[f"{key}_newest"] = options[0]
    picked = st.selectbox(
        label,
        options,
        format_func=lambda id: words.get(id, id),
        key=key,
        persist_state="session",
        help=help,
    )
    return picked if picked in words else options[0]


def made_of(db: Database, mark: str) -> dict[str, dict[str, Any]]:
    """The manifests of the datasets that have `mark` in theirs ("cleaned", "split_of"), newest first, by
    id."""
    found = {}
    for row in artifacts.datasets(db):
        place = artifact("dataset", row["id"])
        if whole(place) and mark in (manifest := read_manifest(place)):
            found[row["id"]] = manifest | {"created_at": row["created_at"]}
    return found


def look_at(id: str) -> None:
    """For a button: go to the part Look with this dataset chosen."""
    st.session_state[PART] = "Look"
    st.session_state["data_corpus"] = id


def go(part: str) -> None:
    """For a button: go to another part."""
    st.session_state[PART] = part


@contextmanager
def launching(title: str, done: bool) -> Iterator[None]:
    """Where a form that queues a job stands: in the open as long as nothing was made, else in an expander, so
    that what was made comes first."""
    if not done:
        st.header(title)
        yield
        return
    with st.expander(title):
        yield


def running(
    db: Database, kinds: Sequence[str], more: Callable[[Database, dict[str, Any]], None] | None = None
) -> None:
    """The jobs of these kinds that wait or run, and the last one if it did not end well; drawn again every
    two seconds while there is one. `more` draws what else is to be seen of a job."""
    latest = [row for kind in kinds for row in jobs.listed(db, kind=kind, limit=RECENT)]
    ids = [row["id"] for row in latest if row["state"] in jobcard.UNFINISHED]
    newest = max(latest, key=lambda row: row["created_at"], default=None)
    if newest and newest["id"] not in ids and newest["state"] in jobcard.STOPPED:
        ids.insert(0, newest["id"])
    if not ids:
        return

    def draw() -> bool:
        active = False
        with workspace() as base:
            for id in ids:
                row = jobs.get(base, id)
                if row is None:
                    continue
                jobcard.brief(row, f"data_job_{id}")
                if more:
                    more(base, row)
                active |= row["state"] in jobcard.UNFINISHED
        return active

    st.header("Running now" if any(row["state"] in jobcard.UNFINISHED for row in latest) else "The last job")
    if any(row["state"] == jobs.QUEUED for row in latest):
        launch.worker_missing()
    watching(draw, any(row["state"] in jobcard.UNFINISHED for row in latest))


def versions(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Words for datasets that `made_of` found: their names and when they were made."""
    return {id: f"{made['name']}, {when(made['created_at'])}" for id, made in found.items()}


def standing(id: str) -> Path:
    """The folder of a dataset that was chosen. Raises ConfigError for one that was deleted while its page was
    open."""
    place = artifact("dataset", id)
    if not whole(place):
        raise ConfigError(f"The dataset {id!r} is no longer there: choose another, or make it again.")
    return place


def verdicts(counts: Mapping[str, int], key: str, alt: str, width: Literal["stretch", "content"]) -> None:
    """Rows kept and dropped by reason, as a table."""
    st.dataframe(
        frames.verdicts(counts),
        hide_index=True,
        column_config=frames.SHARES,
        key=key,
        alt=alt,
        width=width,
    )
