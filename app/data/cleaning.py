"""The part Clean of the page Data: which filters run, the job that runs them, and the report of what went,
why, with examples, before and after."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from sqlite_utils import Database

from app import charts, corpora, forms, launch, results
from app.data import frames
from app.data.downloads import downloads
from app.data.parts import launching, look_at, made_of, pick, running, standing, versions
from app.frame import dark, nothing, said
from app.text import plain
from jobs import queue
from jobs.kinds import KINDS
from jobs.kinds.clean import read_lost, read_removed, read_report
from storage import artifacts


class Filter(NamedTuple):
    """A filter as the form offers it: `field` of the spec is `off` when it is off."""

    field: str
    title: str
    off: Any
    start: Any  # what the field holds when it is switched on
    setting: str = ""  # what its widget is called


FILTERS = (
    Filter("normalise", "Put characters and lines right", False, True),
    Filter("boilerplate", "Take out repeated lines", False, True),
    Filter("exact", "Drop exact duplicates", False, True),
    Filter("near", "Drop near duplicates", 0.0, 0.8, "Words shared from (Jaccard, 0 to 1)"),
    Filter("shortest", "Drop what is too short", 0, 20, "Fewest letters"),
    Filter("longest", "Drop what is too long", 0, 1_000_000, "Most letters"),
    Filter("language", "Keep some languages only", "", "en", "Languages, such as en,de"),
    Filter("quality", "Drop poor text", 0.0, 0.4, "Least score (0 to 1)"),
    Filter("pii", "Mask personal data", "", "all", "Kinds: all, or some of email,phone,card,ip,id"),
)
NAMES = {"length": "length (too short or too long)", "exact": "exact duplicates", "near": "near duplicates"}
NAMES |= {"normalise": "characters and lines put right", "boilerplate": "repeated lines"}
NAMES |= {"pii": "personal data", "language": "language", "quality": "poor text"}


def part(db: Database) -> None:
    """The form, the jobs that run, and the report."""
    found = made_of(db, "cleaned")
    with launching("Clean a dataset", bool(found)):
        form(db)
    running(db, ("clean",))
    report(db, found)


def form(db: Database) -> None:
    """Every filter with a switch and, when it is on, its setting."""
    st.caption("What a filter leaves out is kept beside with its reason, and the dataset itself stays.")
    spec = KINDS["clean"].Spec
    found, words = launch.choices(db, "clean")
    if launch.missing("clean", found):
        return
    known = {knob.name: knob for knob in forms.knobs(spec, found)}
    with st.container(border=True):
        left, right = st.columns(2, gap="medium")
        with left:
            dataset = forms.widget(known["dataset"], "clean_dataset", None, words)
        with right:
            name = forms.widget(known["name"], "clean_name", "")
        values: dict[str, Any] = {"dataset": dataset, "name": name}
        places = st.columns(3, gap="medium")
        for number, one in enumerate(FILTERS):
            with places[number * 3 // len(FILTERS)]:
                values[one.field] = _switch(one, known[one.field])
        if st.button("Queue this job", type="primary", key="clean_submit"):
            with said():
                launch.submitted(queue.submit("clean", forms.made(spec, values)), warn=False)


def _switch(one: Filter, knob: forms.Knob) -> Any:
    """What the field is to hold: its `off`, or what its widget says."""
    default = bool(knob.default)
    help_ = f"{knob.help[0].upper()}{knob.help[1:]}" if knob.help else None
    on = st.checkbox(
        one.title, value=default, key=f"clean_on_{one.field}", help=help_, persist_state="session"
    )
    if not on:
        return one.off
    if knob.kind == "bool":
        return True
    return forms.widget(knob._replace(label=one.setting), f"clean_{one.field}", knob.default or one.start)


def report(db: Database, found: dict[str, dict[str, Any]]) -> None:
    """The report of one cleaning."""
    st.header("Clean report")
    if not found:
        nothing(
            "No cleaned dataset yet",
            "Choose a dataset and its filters above and queue the job; what went, why, and how the rest "
            "looks before and after will stand here.",
        )
        return
    id = pick("Cleaned dataset", versions(found), "clean_report")
    with said():
        place = standing(id)
        told = read_report(place)
        counted, asked = told["documents"], told["questions"]
        with st.container(horizontal=True):
            st.metric("Documents before", counted["kept"] + counted["removed"], width="content")
            st.metric("Kept", counted["kept"], width="content")
            st.metric("Left out", counted["removed"], width="content")
            st.metric("Questions kept", asked["kept"], width="content")
            st.metric("Questions left out", asked["removed"], width="content")
        if asked["moved"]:
            st.caption(f"{asked['moved']} of the questions now ask about a document that says the same.")
        undo(db, found[id]["cleaned"], id)
        steps(told["steps"])
        histograms(told)
        removed(place, counted["removed"], found[id]["name"])
        lost(place, asked["removed"], found[id]["name"])


def undo(db: Database, source: str, id: str) -> None:
    """How to undo a cleaning: the dataset it was made of is still there."""
    row = artifacts.find_dataset(db, id=source)
    if row is None:
        st.caption("The dataset that this was made of was deleted since, so this cleaning cannot be undone.")
        return
    st.caption(
        f"To undo it, go on with {plain(row['name'])}, which stays as it was; to undo one filter, clean "
        f"{plain(row['name'])} again with that filter off."
    )
    with st.container(horizontal=True):
        st.button(
            f"Go back to {plain(row['name'])}",
            on_click=look_at,
            args=(source,),
            key="clean_undo",
        )
        st.button("Look into the clean one", on_click=look_at, args=(id,), key="clean_look")


def steps(found: list[dict[str, Any]]) -> None:
    """What each filter did, with its examples."""
    st.subheader("By filter")
    st.dataframe(frames.steps(found, NAMES), hide_index=True, key="clean_steps", alt="What each filter did")
    masked = next((step for step in found if step["filter"] == "pii"), None)
    if masked is not None:
        st.subheader("Personal data masked")
        _counts(masked["counts"], "Nothing was found to mask.", "clean_pii")
    for step in found:
        if not step["examples"] and not step["counts"]:
            continue
        title = NAMES.get(step["filter"], step["filter"])
        with st.expander(f"{title.capitalize()}: examples"):
            if step["examples"]:
                st.dataframe(
                    frames.examples(step["examples"]),
                    hide_index=True,
                    key=f"clean_examples_{step['filter']}",
                    alt=f"Examples of {title}",
                )
            if step["counts"] and step["filter"] != "pii":
                _counts(step["counts"], "", f"clean_counts_{step['filter']}")


def _counts(counts: Mapping[str, int], none: str, key: str) -> None:
    if not counts:
        st.text(none)
        return
    st.dataframe(frames.counts(counts), hide_index=True, key=key, alt="Counts", width="content")


def histograms(told: Mapping[str, Any]) -> None:
    """Lengths and quality scores, before and after."""
    st.subheader("Before and after")
    places = st.columns(2, gap="medium")
    for place, (name, label) in zip(
        places, (("letters", "letters of a document"), ("quality", "quality score, 0 to 1")), strict=True
    ):
        before, after = told["before"][name], told["after"][name]
        with place:
            results.drawing(
                "",
                f"clean_histogram_{name}",
                charts.before_after(before, after, label, dark()),
                charts.describe_before_after(before, after, label),
            )


def removed(place: Path, count: int, name: str) -> None:
    """The documents that were left out, each with its reason."""
    st.subheader(f"Documents left out ({count})")
    if not count:
        st.text("No document was left out.")
        return
    if count > corpora.SHOWN:
        st.caption(f"The first {corpora.SHOWN} of {count}; the files hold all of them.")
    frame = frames.removed(islice(read_removed(place), corpora.SHOWN))
    st.dataframe(frame, hide_index=True, key="clean_removed", alt="The documents that were left out")
    downloads(lambda: read_removed(place), f"{name}-left-out", "clean_removed")


def lost(place: Path, count: int, name: str) -> None:
    """The questions that went with their documents, each with its reason; undone with the cleaning."""
    if not count:
        return
    st.subheader(f"Questions left out ({count})")
    if count > corpora.SHOWN:
        st.caption(f"The first {corpora.SHOWN} of {count}; the files hold all of them.")
    frame = frames.lost(islice(read_lost(place), corpora.SHOWN))
    st.dataframe(frame, hide_index=True, key="clean_lost", alt="The questions that were left out")
    downloads(lambda: read_lost(place), f"{name}-questions-left-out", "clean_lost")
