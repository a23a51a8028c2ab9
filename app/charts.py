"""Figures and tables as the lab's pages show them: rows in, Figure or DataFrame out. It reads no file and
calls no page.

The figures are the report's own in the colours of the page. They get its background too: when the person's
system turns dark the page follows at once, the figure only at its next drawing, and must stay readable until
then. Streamlit's own chart theme would follow, but on a light page its labels are too faint (3.7:1).
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

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
# at least 3:1 on the light and on the dark page; a line beyond them is dashed too
LINES = ("#3b82f6", "#d97706", "#0d9488", "#db2777", "#7c6ff0", "#6b7d95")
DASHES = ("solid", "dash", "dot")
FEW = 40  # points; fewer are marked
RUN_LETTERS = 40


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


def curves(frame: "pd.DataFrame", label: str, dark: bool, *, log: bool = False) -> "Figure | None":
    """A line a run over its steps: `frame` has the columns run, step, value; None without a number in it.

    A value that is no number (NaN) leaves a gap. `label` names the y axis with its unit.
    """
    import plotly.graph_objects as go

    drawn = frame.dropna(subset=["value"])
    if drawn.empty:
        return None
    traces = [
        {
            "type": "scatter",
            "x": lines["step"].to_list(),
            "y": [None if value != value else value for value in lines["value"]],
            "name": escape(_short(str(run), RUN_LETTERS)),
            "mode": "lines+markers" if len(lines) < FEW else "lines",
            "line": {"color": LINES[number % len(LINES)], "dash": DASHES[number // len(LINES) % len(DASHES)]},
            "marker": {"size": 5},
            "hovertemplate": f"{escape(str(run))}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
        }
        for number, (run, lines) in enumerate(frame.groupby("run", sort=False))
    ]
    layout = {
        **_page(dark, 300),
        "showlegend": len(traces) > 1,
        "legend": {"orientation": "h", "y": -0.25, "x": 0},
        "xaxis": _axis("step", dark),
        "yaxis": {**_axis(label, dark), "type": "log" if log else "linear", "exponentformat": "e"},
    }
    # built in one piece: each update of a figure is checked by Plotly, which takes longer than to draw it
    return go.Figure({"data": traces, "layout": layout})


def describe_curves(frame: "pd.DataFrame", label: str) -> str:
    """The words that stand in for `curves`: first and last value of each run."""
    said = []
    for run, lines in frame.dropna(subset=["value"]).groupby("run", sort=False):
        first, last = lines.iloc[0], lines.iloc[-1]
        said.append(
            f"{run} from {first['value']:.4g} at step {int(first['step'])} to {last['value']:.4g} at step "
            f"{int(last['step'])}"
        )
    return f"{label} by step: {'; '.join(said)}." if said else f"{label}: nothing measured yet."


def memory(parts: Mapping[str, int], limit: int | None, dark: bool) -> "Figure":
    """One bar of what training will hold in memory, by part (bytes in, GB shown), with the machine's
    limit."""
    import plotly.graph_objects as go

    bars = [
        {
            "type": "bar",
            "x": [count / 1e9],
            "y": [""],
            "orientation": "h",
            "name": escape(part),
            "marker": {"color": LINES[number % len(LINES)]},
            "hovertemplate": f"{escape(part)} %{{x:.3f}} GB<extra></extra>",
        }
        for number, (part, count) in enumerate(parts.items())
    ]
    layout = {
        **_page(dark, 190),
        "barmode": "stack",
        "legend": {"orientation": "h", "y": 1.1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "xaxis": _axis("GB", dark),
        "yaxis": {"visible": False, "fixedrange": True},
    }
    # a limit far beyond the bar would flatten it; the words say it all the same
    if limit and limit < 4 * sum(parts.values()):
        end = limit / 1e9
        line = {"color": LINES[3], "dash": "dash"}
        layout["shapes"] = [
            {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": end, "x1": end, "line": line}
        ]
    return go.Figure({"data": bars, "layout": layout})


def before_after(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], label: str, dark: bool
) -> "Figure":
    """Two histograms side by side, as the clean report keeps them: [from, count] of each bin, the last one
    open. `label` names what the bins are of."""
    import plotly.graph_objects as go

    words = bins([edge for edge, _ in before])
    bars = [
        {
            "type": "bar",
            "x": words,
            "y": [count for _, count in counted],
            "name": name,
            "marker": {"color": LINES[number], "pattern": {"shape": "/" if number else ""}},
            "hovertemplate": f"{name}<br>%{{x}}: %{{y}} documents<extra></extra>",
        }
        for number, (name, counted) in enumerate((("before", before), ("after", after)))
    ]
    layout = {
        **_page(dark, 280),
        "barmode": "group",
        "legend": {"orientation": "h", "y": 1.05, "yanchor": "bottom", "x": 0},
        "xaxis": {**_axis(label, dark), "type": "category"},
        "yaxis": _axis("documents", dark),
    }
    return go.Figure({"data": bars, "layout": layout})


def describe_before_after(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], label: str
) -> str:
    """The words that stand in for `before_after`: the counts of each bin that is not empty."""
    words = bins([edge for edge, _ in before])
    rows = zip(words, before, after, strict=True)
    said = [f"{name}: {was:g} before, {now:g} after" for name, (_, was), (_, now) in rows if was or now]
    return f"Documents by {label}. {'; '.join(said) or 'None'}."


def bins(edges: Sequence[float]) -> list[str]:
    """The bins between edges in words; the last one is open, but for shares, which end at 1."""
    if edges and max(edges) < 1:
        return [f"{edge:.1f}\u2013{end:.1f}" for edge, end in zip(edges, [*edges[1:], 1.0], strict=True)]
    pairs = pairwise(edges)
    return [
        *(f"{_thousands(edge)}\u2013{_thousands(end)}" for edge, end in pairs),
        f"{_thousands(edges[-1])}+",
    ]


def _thousands(count: float) -> str:
    return f"{count / 1000:g}k" if count >= 1000 else f"{count:g}"


def _gain(row: Row) -> str:
    if row.f1_delta is None:
        return ""
    if row.f1_low is None or row.f1_high is None:
        return f"{row.f1_delta:+.1f}"
    return f"{row.f1_delta:+.1f} [{row.f1_low:.1f}, {row.f1_high:.1f}]"


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "\u2026"


def _page(dark: bool, height: int) -> dict[str, Any]:
    """The layout of a figure on a light or a dark page: no template, no dragging (a finger must scroll)."""
    mode = "dark" if dark else "light"
    return {
        "template": "none",
        "dragmode": False,
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"color": figures.PALETTES[mode]["ink"], "family": FONT, "size": 13},
        "paper_bgcolor": PAGE[mode],
        "plot_bgcolor": PAGE[mode],
    }


def _axis(title: str, dark: bool) -> dict[str, Any]:
    grid = figures.PALETTES["dark" if dark else "light"]["grid"]
    lines = {"gridcolor": grid, "zerolinecolor": grid, "linecolor": grid, "showgrid": True, "zeroline": False}
    return {"title": {"text": title, "font": {"size": 13}}, "fixedrange": True, "automargin": True, **lines}


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
