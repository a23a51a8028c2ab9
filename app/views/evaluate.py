"""The page Evaluate: launch an ablation, and read one: its table with intervals, its figures, every answer
with its evidence, and the report as files.

It reads what jobs have scored; it scores nothing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlite_utils import Database

from app import launch, results, tables
from app.experiments import Experiment, experiments, read_rows
from app.frame import nothing, workspace
from app.text import plain
from engine.artifact import read_manifest
from engine.evaluation.report import STAGE_WORDS, STAGES
from engine.evaluation.timing import Timing, by_stage
from jobs.workspace import artifact, home
from storage import listing

A_PAGE = 50
NAMES = {
    "": "all",
    listing.WRONG: "wrong",
    listing.REFUSED: "refused",
    listing.UNSUPPORTED: "unsupported",
    listing.RIGHT: "right",
}
MEANING = (
    "Wrong: F1 below 0.5, or an answer where the documents have none. Unsupported: answered, though the "
    "verifier found no support. Right: the rest; a refusal is right where the documents do not answer."
)
FILES = {"md": "text/markdown", "csv": "text/csv", "html": "text/html"}


def downloads(experiment: Experiment) -> None:
    """The report's three files; each is read only when it is asked for."""
    st.header("Export")
    with st.container(horizontal=True):
        for ending, mime in FILES.items():
            file = experiment.report / f"report.{ending}"
            if file.is_file():
                st.download_button(
                    f"report.{ending}",
                    data=file.read_bytes,
                    file_name=f"{experiment.name}.{ending}",
                    mime=mime,
                    key=f"evaluate_download_{ending}",
                    on_click="ignore",
                )


def answers(db: Database, job: str) -> None:
    """Every answer of one arm, filtered, and one question in full in every arm."""
    st.header("Every answer")
    counts = listing.tally(db, job)
    if not counts:
        st.text("The answers of this experiment are not in this workspace's database.")
        return
    with st.container(horizontal=True):
        arms = list(counts)
        arm = st.selectbox(
            "Arm", arms, index=len(arms) - 1, key="evaluate_arm", persist_state="session", width=260
        )
        arm = arm if arm in counts else arms[-1]
        which = st.selectbox(
            "Show",
            listing.filters(),
            format_func=lambda name: f"{NAMES[name]} ({counts[arm][name]})",
            key="evaluate_which",
            persist_state="session",
            help=MEANING,
            width=220,
        )
        pages = max(1, -(-counts[arm][which] // A_PAGE))
        page = st.number_input("Page", 1, pages, key="evaluate_page", width=120, help=f"of {pages}")
    rows = listing.answers(db, job, arm, which=which, limit=A_PAGE, offset=A_PAGE * (int(page) - 1))
    if not rows:
        st.text(f"No answer of {arm} is {NAMES[which]}.")
        return
    st.dataframe(
        tables.answers(rows),
        hide_index=True,
        column_config=tables.ANSWERS,
        key="evaluate_answers",
        alt=f"Answers of {arm}",
        placeholder="-",
    )
    by = {row["question_id"]: row["question"] for row in rows}
    asked = st.selectbox(
        "Question to look into",
        list(by),
        format_func=lambda id: by.get(id, id),
        index=None,
        key="evaluate_question",
    )
    if asked:
        drill(listing.same_question(db, job, asked))


def drill(rows: Sequence[Mapping[str, Any]]) -> None:
    """One question: what is accepted, and each arm's answer with its evidence and the verifier's word."""
    golds = rows[0]["golds"]
    st.markdown(f"**{plain(rows[0]['question'])}**")
    st.text(
        f"Accepted: {'; '.join(golds)}" if golds else "The documents do not answer it: a refusal is right."
    )
    for row in rows:
        score = "" if row["f1"] is None else f", F1 {100 * row['f1']:.0f}"
        said = "I don't know" if row["refused"] else row["answer"]
        with st.expander(f"{plain(row['arm'])}: {plain(said)}{score}", expanded=len(rows) < 3):
            evidence(row["trace"])


def evidence(trace: Mapping[str, Any]) -> None:
    """The bullets an answer stood on, those it cites marked, and why it was accepted or refused."""
    cited = set(trace["answer"].get("citations") or ())
    for bullet in trace.get("bullets") or ():
        mark = " (cited)" if bullet["number"] in cited else ""
        st.markdown(f"{bullet['number']}\\. {plain(bullet['text'])}")
        st.caption(f"{plain(bullet['document'])}, score {bullet['score']:.2f}{mark}")
    if not trace.get("bullets"):
        st.text("Answered without evidence.")
    verdict = trace.get("verdict")
    if verdict:
        st.text(f"Verifier: {verdict['reason']}")
        if verdict["parts"]:
            st.dataframe(
                tables.numbers(verdict["parts"]),
                hide_index=True,
                key=f"evaluate_parts_{id(trace)}",
                alt="The parts of the verifier's score",
            )
    st.caption(
        f"{trace['prompt_tokens']} prompt tokens, {trace['output_tokens']} output tokens; the chunks would "
        f"have been {trace['full_tokens']}."
    )


def calibration(experiment: Experiment) -> None:
    """The verifier's calibration and the cascade on this experiment, where they were measured."""
    st.header("Calibration and cascade")
    report = home() / "artifacts" / "calibration" / experiment.name / "report.md"
    if not report.is_file():
        st.text(
            "Not measured yet. How far the verifier can be believed, and what a cascade saves, is measured "
            "by:"
        )
        st.code(
            f".venv/bin/python -m jobs calibrate --name {experiment.name}", language=None, wrap_lines=True
        )
        return
    with st.expander("The verifier's belief against what was right, and the cascade at its threshold"):
        # headings as bold lines: the page has an order of headings of its own
        st.markdown(re.sub(r"^#+ (.+)$", r"**\1**", report.read_text(encoding="utf-8"), flags=re.M))
    page = report.with_suffix(".html")
    if page.is_file():
        st.download_button(
            "Its figures (html)",
            data=page.read_bytes,
            file_name=f"{experiment.name}-calibration.html",
            mime="text/html",
            key="evaluate_calibration",
            on_click="ignore",
        )


def more(experiment: Experiment) -> None:
    """What the adapter adds to the evidence, and where the time of an answer goes; older experiments have
    neither."""
    manifest = read_manifest(experiment.report.parent)
    for sentence in manifest.get("adapter_gain") or ():
        st.text(sentence)
    times = [Timing(**time) for time in manifest.get("timings") or ()]
    if times:
        with st.expander(STAGES):
            head, *lines = by_stage(times)
            st.dataframe(
                tables.frame(dict(zip(head, line, strict=True)) for line in lines),
                hide_index=True,
                key="evaluate_stages",
                alt="p50 and p95 of each stage in each arm, in milliseconds",
            )
            st.caption(STAGE_WORDS)


def answered_by(experiment: Experiment) -> str:
    """The id of the job whose answers the experiment's table is made of."""
    manifest = read_manifest(experiment.report.parent)
    evaluation = manifest.get("evaluation")
    if evaluation:
        manifest = read_manifest(artifact("evaluation", str(evaluation)))
    return str(manifest.get("job", ""))


def experiment_page(db: Database, found: list[Experiment]) -> None:
    experiment = results.chosen(found, "evaluate_experiment")
    rows = read_rows(experiment)
    results.table(rows, "evaluate_table")
    more(experiment)
    results.plots(rows, "evaluate")
    answers(db, answered_by(experiment))
    calibration(experiment)
    downloads(experiment)


st.title("Evaluate")
with workspace() as db:
    found = experiments(home())
    if found:
        experiment_page(db, found)
    else:
        nothing(
            "No evaluation yet",
            "An ablation asks the same test questions in several set-ups and puts what each one buys in "
            "one table. Launch one below; the quickstart on the page Overview is one too.",
        )
    launch.form(db, "ablation", "Launch an ablation")
    with st.expander("Evaluate what is there, without training"):
        launch.form(db, "evaluate", "")
