"""What every page of the lab stands in: the workspace's database open for one run, and errors as sentences.

A database is opened anew in every run (a tenth of a millisecond) and never cached.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st
from sqlite_utils import Database

from app.text import plain
from engine.errors import LabError
from jobs.workspace import home
from storage.db import connect
from storage.errors import StorageError

POLL_SECONDS = 2
# name of the script in views/ -> title and icon, in the order of the navigation
PAGES = {
    "overview": ("Overview", ":material/dashboard:"),
    "data": ("Data", ":material/description:"),
    "index": ("Index", ":material/search:"),
    "train": ("Train", ":material/model_training:"),
    "evaluate": ("Evaluate", ":material/bar_chart:"),
    "jobs": ("Jobs", ":material/list:"),
    "models": ("Models", ":material/account_tree:"),
    "playground": ("Playground", ":material/forum:"),
}


@contextmanager
def workspace() -> Iterator[Database]:
    """The workspace's database. What a person can mend ends the block as a sentence on the page."""
    with said():
        db = connect(home())
        try:
            yield db
        finally:
            db.close()


@contextmanager
def said() -> Iterator[None]:
    """A block whose LabError or StorageError becomes a sentence on the page; anything else is a bug and looks
    like one."""
    try:
        yield
    except (LabError, StorageError) as error:
        st.error(plain(error))


def watching(draw: Callable[[], bool], active: bool) -> None:
    """Draw now, and every two seconds while something runs (`active`); `draw` says whether it still does,
    and when it no longer does the whole page is drawn once more."""

    @st.fragment(run_every=POLL_SECONDS if active else None)
    def again() -> None:
        if draw() != active:
            st.rerun()

    again()


def dark() -> bool:
    """Whether the page is drawn dark."""
    return st.context.theme.type == "dark"


def nothing(heading: str, words: str) -> None:
    """An empty state: what is not there yet, and what to do about it."""
    with st.container(border=True):
        st.header(heading)
        st.markdown(words)
