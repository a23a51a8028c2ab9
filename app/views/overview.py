"""The page Overview: what runs now, the newest experiment's table and figures, and what to do next.

It reads report.csv and the queue; it scores nothing, and starts only what its buttons say.
"""

import streamlit as st
from sqlite_utils import Database

from app import jobcard, launch, results
from app.experiments import experiments, read_rows
from app.frame import nothing, said, watching, workspace
from engine.catalog import LARGE
from jobs import queue
from jobs.workspace import home
from storage import artifacts, jobs

SMOLLM = {"small": LARGE, "name": "space-smollm2", "target": 200}


def start() -> None:
    """The two experiments that one press launches."""
    with st.container(horizontal=True):
        if st.button("Run the quickstart experiment", type="primary", key="overview_quickstart"):
            with said():
                launch.submitted(queue.submit("ablation", {}))
        if st.button("Run it with SmolLM2", key="overview_smollm2"):
            with said():
                launch.submitted(queue.submit("ablation", SMOLLM))
    st.caption(
        "The first asks the 8.5 million parameter model and takes some minutes on two cores; the second "
        "asks SmolLM2, 135 million parameters, and takes longer. Both go on when this page is closed."
    )


def empty(busy: bool) -> None:
    nothing(
        "No experiment yet",
        "An experiment asks a small model the same questions in several set-ups and puts what each one "
        "buys in one table. The sample corpora, space and handbook, are here already: look at them on the "
        "page Data, or run the first experiment on them now. In a terminal the same is:",
    )
    st.code("make quickstart", language=None)
    if busy:
        st.text("One is on its way; its table appears here when it is done.")


def running() -> bool:
    """What runs and waits, newest experiments by their steps; whether there is any."""
    rows = []
    with workspace() as db:
        rows = jobs.unfinished(db)
        if rows:
            st.header("Running now")
        for row in rows[:6]:
            jobcard.brief(row, f"overview_job_{row['id']}")
        if len(rows) > 6:
            st.caption(f"And {len(rows) - 6} more on the page Jobs.")
    return bool(rows)


def next_steps(db: Database) -> None:
    """What a person could do now, as links."""
    st.header("What to do next")
    failed = jobs.counts(db)[jobs.FAILED]
    if failed:
        st.page_link("views/jobs.py", label=f"See why jobs failed ({failed}), and resume them")
    own = any(row["name"] not in ("space", "handbook") for row in artifacts.datasets(db))
    if not own:
        st.page_link("views/data.py", label="Bring your own documents")
    st.page_link("views/evaluate.py", label="Look into single answers, or launch another ablation")
    st.page_link("views/index.py", label="See what the index finds for a question")
    st.page_link("views/playground.py", label="Ask the models yourself")


st.title("Overview")
with workspace() as db:
    counts = jobs.counts(db)
    busy = bool(counts[jobs.QUEUED] or counts[jobs.RUNNING])
    found = experiments(home())
    if busy or not found:
        launch.worker_missing()
    watching(running, busy)
    if not found:
        empty(busy)
        start()
        st.button("Look again", key="overview_look_again")
    else:
        experiment = results.chosen(found, "overview_experiment")
        with said():
            rows = read_rows(experiment)
            st.caption(f"Report written {experiment.written:%Y-%m-%d %H:%M} UTC")
            results.table(rows, "overview_table")
            results.words(rows)
            results.plots(rows, "overview")
        next_steps(db)
        with st.expander("Run another experiment on the samples"):
            start()
        st.header("Report")
        st.markdown(
            "The whole report, with the machine it was measured on and the command that gives it again:"
        )
        st.code(str(experiment.report.resolve()), language=None, wrap_lines=True)
