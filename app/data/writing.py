"""The part Synthesize of the page Data: who writes the questions, what a teacher would cost, and the jobs
while they write, with counts by reason and cost. What they wrote is written.py's."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import forms, launch
from app.data.parts import launching, running, verdicts
from app.data.written import results, written_questions
from app.frame import said
from app.text import plain
from engine.data.compose import KINDS as QUESTIONS
from engine.data.sift import KEPT
from engine.data.tally import CACHED, CALLS, COST, TOKENS, told
from engine.errors import ConfigError
from jobs import queue
from jobs.kinds import KINDS
from jobs.references import find, latest_index
from storage import metrics

OFFLINE, TEACHER = "synthesize", "compose"
WHO = {
    OFFLINE: "The embedded models, on this machine, for nothing",
    TEACHER: "A teacher behind an OpenAI-compatible address",
}
_SPENT = (("Calls", CALLS), ("From the cache", CACHED), ("Tokens", TOKENS))
FIRST = (
    "dataset",
    "target",
    "base_url",
    "model",
    "key_env",
    "most_cost",
    "price_in",
    "price_out",
    "most_tokens",
)


def part(db: Database) -> None:
    """The form, the jobs that run, and what was written."""
    found = written_questions()
    with launching("Write questions", bool(found)):
        chosen(db)
    running(db, (OFFLINE, TEACHER), live)
    results(db, found)


def chosen(db: Database) -> None:
    """Who writes, and the form for it."""
    st.caption(
        "Every question is checked against the documents; what fails a check is dropped with its reason."
    )
    who = st.radio(
        "Who writes",
        list(WHO),
        format_func=lambda name: WHO.get(name, name),
        key="write_who",
        persist_state="session",
    )
    kind = who if who in WHO else OFFLINE
    found, words = launch.choices(db, kind)
    if not launch.missing(kind, found):
        form(db, kind, found, words)


def form(db: Database, kind: str, found: Mapping[str, Sequence[str]], words: Mapping[str, str]) -> None:
    """The form of either kind; a teacher's also tells what it would cost."""
    spec, key = KINDS[kind].Spec, f"write_{kind}"
    estimated = False
    with st.form(key, border=True):
        if kind == TEACHER:
            values = forms.draw(spec, key, only=FIRST, choices=found, labels=words)
            kinds = st.multiselect("Kinds of questions", list(QUESTIONS), list(QUESTIONS), key=f"{key}_kinds")
            with st.expander("More settings"):
                values |= forms.draw(spec, key, leave=(*FIRST, "kinds"), choices=found, labels=words)
            values["kinds"] = ",".join(kinds)
        else:
            values = forms.draw(spec, key, choices=found, labels=words)
        with st.container(horizontal=True):
            sent = st.form_submit_button("Queue this job", type="primary", key=f"{key}_submit")
            if kind == TEACHER:
                estimated = st.form_submit_button("Estimate the cost first", key=f"{key}_estimate")
    if not (sent or estimated):
        return
    with said():
        made = forms.made(spec, values)
        if kind == TEACHER and not values["kinds"]:
            raise ConfigError("No kind of question is chosen: choose at least one.")
        if sent:
            submit(db, kind, made)
        else:
            cost(db, made)


def submit(db: Database, kind: str, made: Any) -> None:
    """Queue the job, and before it the index that the dataset still lacks."""
    needs = []
    if not made.index and latest_index(db, find(db, "dataset", made.dataset)) is None:
        needs = [queue.submit("index", {"dataset": made.dataset})]
        st.caption(f"The dataset has no index yet, so the job {needs[0]} builds one first.")
    launch.submitted(queue.submit(kind, made, needs=needs), warn=False)


def cost(db: Database, made: Any) -> None:
    """What the teacher would cost at most, before anything is asked."""
    from jobs.estimate import estimate

    with st.spinner("Counting what would be asked; the first time takes a while"):
        found = estimate(db, made)
    columns = st.columns(3)
    for place, label, low, high in zip(
        columns,
        ("Calls", "Tokens at most", "Cost at most"),
        (f"{found.least.calls:,}", f"{found.least.tokens:,}", f"${found.least.cost:,.2f}"),
        (f"{found.most.calls:,}", f"{found.most.tokens:,}", f"${found.most.cost:,.2f}"),
        strict=True,
    ):
        with place:
            st.metric(label, low if low == high else f"{low} to {high}")
    lines = [
        "The first number is for a teacher whose every question is kept, the second for one that has to be "
        "asked about all of the documents.",
        f"{found.most.cached:,} calls are in the cache and cost nothing." if found.most.cached else "",
        f"Other wordings take up to {found.rewordings:,} more calls." if found.rewordings else "",
        "Prices are 0, so the cost is too: give the server's prices."
        if not made.price_in + made.price_out
        else "",
        caps(made),
    ]
    st.caption(plain(" ".join(filter(None, lines))))


def caps(made: Any) -> str:
    """Where the job stops by itself."""
    named = [f"${made.most_cost:g}"] if made.most_cost else []
    named += [f"{made.most_tokens:,} tokens"] if made.most_tokens else []
    return f"The job stops before {' or '.join(named)}." if named else "No cap is set."


def live(db: Database, row: dict[str, Any]) -> None:
    """Counts by reason, calls and cost of a job so far."""
    latest = metrics.latest(db, row["id"])
    counts = told(latest)
    if not counts:
        return
    numbers = [("Kept", f"{counts.get(KEPT, 0):,}"), ("Written", f"{sum(counts.values()):,}")]
    if CALLS in latest:
        numbers += [(name, f"{latest[metric] or 0:,.0f}") for name, metric in _SPENT]
        numbers.append(("Cost", f"${latest[COST] or 0:,.4f}"))
    with st.container(horizontal=True):
        for label, value in numbers:
            st.metric(label, value, width="content")
    verdicts(counts, f"write_live_{row['id']}", "Rows kept and dropped so far, by reason", "content")
