"""The table, the sentences and the figures of one experiment, as Overview and Evaluate show them. It scores
nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import charts
from app.experiments import Experiment
from app.frame import dark
from engine.evaluation import figures, report
from engine.evaluation.scoring import Row

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PLOT = {"displayModeBar": False}


def chosen(found: list[Experiment], key: str) -> Experiment:
    """The experiment to show: the only one, or the one picked from a list with the newest first."""
    if len(found) == 1:
        st.text(f"Experiment {found[0].name}")
        return found[0]
    names = [experiment.name for experiment in found]
    name = st.selectbox("Experiment", names, key=key, persist_state="session", help="The newest is first.")
    return next((experiment for experiment in found if experiment.name == name), found[0])


def table(rows: Sequence[Row], key: str) -> None:
    """One line an arm, with what each column means in its help."""
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
        key=key,
        alt="Scores, tokens and latency of each arm",
    )
    st.caption(report.READING)


def words(rows: Sequence[Row]) -> None:
    """What each arm bought, a sentence each."""
    st.header("In words")
    for sentence in report.sentences(rows):
        st.text(sentence)


@st.cache_resource(max_entries=64, show_spinner=False)
def drawn(rows: tuple[Row, ...], light_or_dark: bool) -> "tuple[Figure | None, Figure | None]":
    """Both figures of a report, built once for each of light and dark: Plotly takes a tenth of a second."""
    return charts.f1_against_tokens(rows, light_or_dark), charts.latency(rows, light_or_dark)


def plots(rows: Sequence[Row], key: str) -> None:
    """F1 against tokens, and latency, side by side where there is room."""
    left, right = st.columns(2, gap="large")
    accuracy, latency = drawn(tuple(rows), dark())
    with left:
        drawing(
            "F1 against prompt tokens",
            f"{key}_f1",
            accuracy,
            figures.describe_f1(rows),
            "Up is better, left is cheaper. Bars: 95 % interval of the difference to the baseline.",
        )
    with right:
        drawing(
            "Latency",
            f"{key}_latency",
            latency,
            figures.describe_latency(rows),
            "Half of the questions are answered within p50, 95 of 100 within p95.",
        )


def drawing(heading: str, key: str, figure: "Figure | None", alt: str, legend: str = "") -> None:
    """A figure under its heading with its text alternative, which is all there is when nothing can be
    drawn."""
    if heading:
        st.header(heading)
    if figure is None:
        st.text(alt)
        return
    st.plotly_chart(figure, key=key, theme=None, config=PLOT, alt=alt)
    if legend:
        st.caption(legend)
