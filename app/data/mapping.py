"""Which column of an uploaded file is what: its first rows, the guess, and select boxes to change it. Reads
nothing; the import job judges."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from app.data import frames
from engine.data import columns
from engine.data.columns import FIELDS, Preview
from engine.errors import ConfigError

MOST_BOXED = 200  # columns a select box lists; the others are typed
MOST_SHOWN = 20  # columns of the table
NONE = ""


class Layout(NamedTuple):
    """What a row can be: the fields it may have, those it needs first."""

    title: str
    fields: tuple[str, ...]
    needed: int


LAYOUTS = {
    "questions": Layout(
        "Questions and answers",
        ("question", "answers", "text", "title", "document", "evidence", "split", "id"),
        1,
    ),
    "documents": Layout("Documents", ("text", "title", "id"), 1),
    "chats": Layout("Chats", ("messages", "prompt", "completion"), 0),
    "pairs": Layout("Preference pairs", ("chosen", "rejected", "prompt"), 2),
}


def layout_of(guess: Mapping[str, str]) -> str:
    """What the rows of a file with this guess most likely are."""
    if guess.keys() >= {"chosen", "rejected"}:
        return "pairs"
    if "messages" in guess or guess.keys() >= {"prompt", "completion"}:
        return "chats"
    return "questions" if "question" in guess else "documents"


def rows(found: Preview, key: str) -> None:
    """The first rows; of very many columns those that matter first, and how many there are."""
    guessed = list(found.guess.values())
    shown = list(dict.fromkeys([*guessed, *found.columns]))[:MOST_SHOWN]
    if len(found.columns) > len(shown):
        st.caption(f"{len(shown)} of {len(found.columns):,} columns.")
    frame = frames.cells(found.rows, shown)
    st.dataframe(frame, hide_index=True, key=f"{key}_rows", alt="The first rows of the file")


def boxes(found: Preview, key: str) -> dict[str, str]:
    """A select box a field, filled with the guess, and the mapping they make. Raises ConfigError, one
    sentence, for one that makes no sense."""
    names = list(LAYOUTS)
    kind = st.radio(
        "What a row is",
        names,
        index=names.index(layout_of(found.guess)),
        format_func=lambda name: LAYOUTS[name].title,
        horizontal=True,
        key=f"{key}_kind",
    )
    layout = LAYOUTS[kind if kind in LAYOUTS else names[0]]
    many = len(found.columns) > MOST_BOXED
    if many:
        st.caption(
            f"The boxes list the first {MOST_BOXED} columns; the name of another one can be typed into them."
        )
    listed = list(dict.fromkeys([*found.guess.values(), *found.columns[:MOST_BOXED]]))
    places = st.columns(min(4, len(layout.fields)), gap="medium")
    made: dict[str, str] = {}
    for number, field in enumerate(layout.fields):
        with places[number * len(places) // len(layout.fields)]:
            picked = _box(field, layout, listed, found.guess.get(field, NONE), f"{key}_{field}", many)
        if picked:
            made[field] = picked
    columns.check(made)
    missing = [name for name in layout.fields[: layout.needed] if name not in made]
    if missing or not made:
        what = " and ".join(missing) or " or ".join(layout.fields)
        raise ConfigError(f"{layout.title} need a column for {what}: choose one, or say what else a row is.")
    return made


def _box(field: str, layout: Layout, listed: list[str], guess: str, key: str, typed: bool) -> str:
    options = [NONE, *listed]
    picked: Any = st.selectbox(
        field.capitalize(),
        options,
        index=options.index(guess) if guess in options else 0,
        format_func=lambda name: name or "(none)",
        accept_new_options=typed,
        help=f"{FIELDS[field][0].upper()}{FIELDS[field][1:]}",
        key=key,
    )
    return str(picked or NONE)
