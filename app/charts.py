"""Figures and tables as the lab's pages show them: rows in, Figure or DataFrame out. It reads no file and
calls no page.

The figures are the report's own in the colours of the page. They get its background too: when the person's
system turns dark the page follows at once, the figure only at its next drawing, and must stay readable until
then. Streamlit's own chart theme would follow, but on a light page its labels are too faint (3.7:1).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.evaluation import figures
from engine.evaluation.scoring import BASELINE, Row

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

PAGE = {"light": "#ffffff", "dark": "#14181f"}  # the backgrounds of .streamlit/config.toml
FONT = '"Source Sans", system-ui, sans-serif'  # the font of the pages
SHARE = "%.1f"
# column -> (label, number format, what it means); the order is the table's
COLUMNS = {
    "f1": ("F1", SHARE, "Overlap of words with the accepted answer, 0-100, over answerable questions."),
    "em": ("EM", SHARE, "Answers equal to an accepted one, %, over answerable questions."),
    "accuracy": ("accuracy", SHARE, "Answers that contain an accepted one, %, over answerable questions."),
    "answered": ("answered %", SHARE, "Answerable questions that were not refused."),
    "citation_precision": ("citation precision %", SHARE, "Citations that hold the answer."),
    "unanswerable_refused": (
        "unanswerable refused %",
        SHARE,
        "Of the questions the documents do not answer.",
    ),
    "prompt_tokens": ("prompt tokens", "%.0f", "Mean a question, by the model's own tokenizer."),
    "output_tokens": ("output tokens", SHARE, "Mean a question."),
    "token_reduction": ("token reduction %", SHARE, "Bullets against the full chunks."),
    "p50_ms": ("p50 ms", "%.0f", "Median time of a question, one at a time."),
    "p95_ms": ("p95 ms", "%.0f", "95th percentile of the time of a question, one at a time."),
}
GAIN = "gain"


def f1_against_tokens(rows: Sequence[Row], dark: bool) -> "Figure | None":
    """F1 over prompt tokens for a light or a dark page; None if no arm has both."""
    return _on(figures.f1_against_tokens(rows), dark)


def latency(rows: Sequence[Row], dark: bool) -> "Figure | None":
    """p50 and p95 of each arm for a light or a dark page; None if no arm was timed."""
    return _on(figures.latency(rows), dark)


def results(rows: Sequence[Row]) -> "pd.DataFrame":
    """The table: one line an arm, with the columns of COLUMNS and `gain`, F1 minus the baseline's with its
    interval.
    """
    import pandas as pd

    frame = pd.DataFrame([{name: getattr(row, name) for name in COLUMNS} for row in rows], dtype="float64")
    frame.insert(0, "arm", [row.arm for row in rows])
    frame.insert(2, GAIN, [_gain(row) for row in rows])
    return frame


def gain_label(rows: Sequence[Row]) -> str:
    """The heading of `gain`: which arm the others are compared with is the report's rule."""
    arms = [row.arm for row in rows]
    return f"F1 - {BASELINE if BASELINE in arms or not arms else 'first arm'} [95 %]"


def _gain(row: Row) -> str:
    if row.f1_delta is None:
        return ""
    if row.f1_low is None or row.f1_high is None:
        return f"{row.f1_delta:+.1f}"
    return f"{row.f1_delta:+.1f} [{row.f1_low:.1f}, {row.f1_high:.1f}]"


def _on(figure: "Figure | None", dark: bool) -> "Figure | None":
    if figure is None:
        return None
    mode = "dark" if dark else "light"
    ink, grid = figures.PALETTES[mode]["ink"], figures.PALETTES[mode]["grid"]
    lines = {"gridcolor": grid, "zerolinecolor": grid, "linecolor": grid, "title_font_size": 13}
    figure.update_layout(
        font={"color": ink, "family": FONT}, paper_bgcolor=PAGE[mode], plot_bgcolor=PAGE[mode]
    )
    figure.update_annotations(arrowcolor=ink)
    figure.update_xaxes(**lines)
    figure.update_yaxes(**lines)
    return figure
