"""The page Overview: the newest experiments' tables and figures, or what to do when there is none.

It reads report.csv and shows it; it scores nothing and starts nothing.
"""

from typing import TYPE_CHECKING

import streamlit as st

from app import charts
from app.experiments import Experiment, experiments, home, read_rows
from engine.errors import LabError
from engine.evaluation import figures, report
from engine.evaluation.scoring import Row

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PLOT = {"displayModeBar": False}


def empty() -> None:
    st.subheader("No experiment yet")
    st.markdown(
        "An experiment asks a small model the same questions in several set-ups and puts what each one "
        "buys in one table. Run the first one in a terminal, in the project's folder; it takes some minutes:"
    )
    st.code("make quickstart", language="shell")
    st.markdown("Then press the button. On your own documents it is:")
    st.code(
        ".venv/bin/python -m jobs quickstart --documents FOLDER --name NAME",
        language="shell",
        wrap_lines=True,
    )
    st.button("Look again", key="overview_look_again")


def chosen(found: list[Experiment]) -> Experiment:
    if len(found) == 1:
        st.text(f"Experiment {found[0].name}")
        return found[0]
    names = [experiment.name for experiment in found]
    name = st.selectbox(
        "Experiment", names, key="overview_experiment", persist_state="session", help="The newest is first."
    )
    return next((experiment for experiment in found if experiment.name == name), found[0])


def table(rows: list[Row]) -> None:
    settings = {
        name: st.column_config.NumberColumn(label, format=form, help=words)
        for name, (label, form, words) in charts.COLUMNS.items()
    }
    settings["arm"] = st.column_config.TextColumn("arm", pinned=True)
    settings[charts.GAIN] = st.column_config.TextColumn(
        charts.gain_label(rows),
        help="Difference in F1 with its interval by paired bootstrap over the questions.",
    )
    st.dataframe(
        charts.results(rows),
        hide_index=True,
        column_config=settings,
        placeholder="-",
        key="overview_table",
        alt="Scores, tokens and latency of each arm",
    )
    st.caption(report.READING)


def drawing(heading: str, key: str, figure: "Figure | None", words: str, legend: str) -> None:
    st.subheader(heading)
    if figure is None:
        st.text(words)
        return
    st.plotly_chart(figure, key=key, theme=None, config=PLOT, alt=words)
    st.caption(legend)


st.title("Overview")
try:
    found = experiments(home())
    if not found:
        empty()
        st.stop()
    experiment = chosen(found)
    rows = read_rows(experiment)
except LabError as error:
    st.error("This cannot be shown.")
    st.text(str(error))
    st.stop()

st.caption(f"Report written {experiment.written:%Y-%m-%d %H:%M} UTC")
table(rows)
st.subheader("In words")
for sentence in report.sentences(rows):
    st.text(sentence)
dark = st.context.theme.type == "dark"
left, right = st.columns(2, gap="large")
with left:
    drawing(
        "F1 against prompt tokens",
        "overview_f1",
        charts.f1_against_tokens(rows, dark),
        figures.describe_f1(rows),
        "Up is better, left is cheaper. Bars: 95 % interval of the difference to the baseline.",
    )
with right:
    drawing(
        "Latency",
        "overview_latency",
        charts.latency(rows, dark),
        figures.describe_latency(rows),
        "Half of the questions are answered within p50, 95 of 100 within p95.",
    )
st.subheader("Report")
st.markdown(
    "The whole report, with the machine it was measured on and the command that gives it again, lies in"
)
st.code(str(experiment.report.resolve()), language=None, wrap_lines=True)
