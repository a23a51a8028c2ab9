"""What the parts of the page Data share: choosing one of several things that may be gone by now, the jobs of
a part while they run, and tables with their files to download."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import jobcard, launch
from app.frame import watching, workspace
from app.text import plain
from engine.artifact import read_manifest, whole
from engine.errors import ConfigError
from jobs.workspace import artifact
from storage import artifacts, jobs

RECENT = 3  # jobs of a kind that are looked at
PART = "part"  # the key of the choice of part, and its name in the address
_FORMULA = ("=", "+", "-", "@", "\t")


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


def downloads(rows: Callable[[], Iterable[Mapping[str, Any]]], name: str, key: str) -> None:
    """Buttons that give all that `rows` gives as CSV and as JSONL; the files are made when they are asked
    for."""
    with st.container(horizontal=True):
        for ending, write, mime in (
            ("csv", as_csv, "text/csv"),
            ("jsonl", as_jsonl, "application/x-ndjson"),
        ):
            st.download_button(
                f"All as {ending.upper()}",
                data=partial(_written, write, rows),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"{key}_{ending}",
                on_click="ignore",
            )


def _written(
    write: Callable[[Iterable[Mapping[str, Any]]], bytes], rows: Callable[[], Iterable[Mapping[str, Any]]]
) -> bytes:
    return write(rows())


def as_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows as CSV. A cell that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    found = list(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for row in found:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue().encode("utf-8", "replace")


def as_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows as JSON objects, one a line."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return "".join(lines).encode("utf-8", "replace")


def gone(id: str) -> ConfigError:
    """What to raise for a dataset that was deleted while its page was open."""
    return ConfigError(f"The dataset {id!r} is no longer there: choose another, or make it again.")


def _harmless(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
