"""The report's two Plotly figures and the words that stand in for them. Rows in, figures out; knows no file
and no page.

Names of arms may come from a browser or a data set: Plotly reads tags in its texts, so they are escaped here.
Colours are those of light pages; `REPAINT` is the script that follows the reader's light or dark setting.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from engine.evaluation.scoring import Row

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

P50_COLOUR, P95_COLOUR = "#3b82f6", "#d97706"  # both at least 3:1 on the light and on the dark page
PALETTES = {"light": {"ink": "#1b2330", "grid": "#dbe1ea"}, "dark": {"ink": "#e4e9f1", "grid": "#394353"}}
PLOT_HEIGHT = 340  # pixels between F1 0 and F1 TOP, whatever the width of the page
TOP = 105
LABEL_GAP = 17  # pixels between two labels, one line of text
LABEL_LETTERS = (
    20  # more would leave a page of 390 pixels; the whole name is in the hover text and the caption
)

REPAINT = """
const palettes = PALETTES;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function repaint() {
  const c = palettes[dark.matches ? "dark" : "light"];
  for (const figure of document.querySelectorAll(".js-plotly-plot")) {
    const changes = {"font.color": c.ink};
    for (const axis of ["xaxis", "yaxis"])
      for (const line of ["gridcolor", "zerolinecolor", "linecolor"]) changes[axis + "." + line] = c.grid;
    (figure.layout.annotations || []).forEach((_, i) => { changes[`annotations[${i}].arrowcolor`] = c.ink; });
    Plotly.relayout(figure, changes);
  }
}
dark.addEventListener("change", repaint);
repaint();
""".replace("PALETTES", json.dumps(PALETTES, sort_keys=True))


def f1_against_tokens(rows: Sequence[Row]) -> "Figure | None":
    """F1 (0-100) over mean prompt tokens, one labelled point an arm; None if no arm has both.

    The bars are the 95 % interval of the difference to the baseline, drawn around the arm's F1, where it is
    known.
    """
    import plotly.graph_objects as go

    points = [(r, r.prompt_tokens, r.f1) for r in rows if r.f1 is not None and r.prompt_tokens is not None]
    if not points:
        return None
    widest = max(x for _, x, _ in points) or 1.0
    figure = go.Figure(
        go.Scatter(
            x=[x for _, x, _ in points],
            y=[y for _, _, y in points],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [_reach(r.f1_delta, r.f1_high) for r, _, _ in points],
                "arrayminus": [_reach(r.f1_low, r.f1_delta) for r, _, _ in points],
                "color": P50_COLOUR,
                "thickness": 1.5,
                "width": 5,
            },
            mode="markers",
            marker={"size": 11, "color": P50_COLOUR},
            text=[escape(r.arm) for r, _, _ in points],
            hovertemplate="%{text}<br>F1 %{y:.1f}<br>%{x:.0f} prompt tokens<extra></extra>",
        )
    )
    shifts = _spread([PLOT_HEIGHT * y / TOP for _, _, y in points])
    for (row, x, y), shift in zip(points, shifts, strict=True):
        side = 1 if x <= widest / 2 else -1
        figure.add_annotation(
            text=escape(_short(row.arm, LABEL_LETTERS)),
            font={"size": 12},
            x=x,
            y=y,
            ax=22 * side,
            ay=-shift,
            xanchor="left" if side > 0 else "right",
            showarrow=True,
            arrowhead=0,
            arrowwidth=0.8 if abs(shift) > LABEL_GAP / 3 else 0.1,
            arrowcolor=PALETTES["light"]["ink"],
            standoff=8,
        )
    _dress(figure, PLOT_HEIGHT + 70)
    figure.update_xaxes(title="prompt tokens a question, mean", range=[0, widest * 1.12])
    figure.update_yaxes(title="F1, answerable questions", range=[0, TOP], tickvals=[0, 20, 40, 60, 80, 100])
    return figure


def latency(rows: Sequence[Row]) -> "Figure | None":
    """p50 and p95 milliseconds a question, two bars an arm, in the order of the table; None if no arm was
    timed.
    """
    import plotly.graph_objects as go

    timed = [(r, r.p50_ms, r.p95_ms) for r in rows if r.p50_ms is not None and r.p95_ms is not None]
    if not timed:
        return None
    names = [f"{number}. {escape(r.arm)}" for number, (r, _, _) in enumerate(timed, start=1)]
    figure = go.Figure()
    for label, colour, values in (
        ("p50", P50_COLOUR, [p50 for _, p50, _ in timed]),
        ("p95", P95_COLOUR, [p95 for _, _, p95 in timed]),
    ):
        figure.add_bar(
            name=label,
            x=values,
            y=names,
            orientation="h",
            marker_color=colour,
            text=[f"{value:.0f} ms" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}<br>" + label + " %{x:.1f} ms<extra></extra>",
        )
    # Names stand over their bars: beside them they would leave a narrow page no room.
    for name, (row, _, _) in zip(names, timed, strict=True):
        figure.add_annotation(
            text=escape(_short(row.arm, 2 * LABEL_LETTERS)),
            xref="paper",
            x=0,
            xanchor="left",
            y=name,
            yshift=30,
            showarrow=False,
        )
    _dress(figure, 110 + 70 * len(timed))
    longest = max(max(p50, p95) for _, p50, p95 in timed) or 1.0
    figure.update_layout(
        barmode="group",
        bargap=0.46,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        margin={"l": 16, "t": 36},
    )
    figure.update_xaxes(title="milliseconds a question", range=[0, longest * 1.22], nticks=5, tickangle=0)
    figure.update_yaxes(type="category", autorange="reversed", showticklabels=False, showgrid=False)
    return figure


def describe_f1(rows: Sequence[Row]) -> str:
    """What `f1_against_tokens` shows, in words."""
    parts = [
        f"{r.arm}: F1 {r.f1:.1f} at {r.prompt_tokens:.0f} prompt tokens"
        for r in rows
        if r.f1 is not None and r.prompt_tokens is not None
    ]
    return "F1 against mean prompt tokens. " + ("; ".join(parts) if parts else "No arm was scored") + "."


def describe_latency(rows: Sequence[Row]) -> str:
    """What `latency` shows, in words."""
    parts = [
        f"{r.arm}: p50 {r.p50_ms:.0f} ms, p95 {r.p95_ms:.0f} ms"
        for r in rows
        if r.p50_ms is not None and r.p95_ms is not None
    ]
    return "Latency of a question. " + ("; ".join(parts) if parts else "No arm was timed") + "."


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "\u2026"


def _reach(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else max(0.0, high - low)


def _spread(heights: list[float]) -> list[float]:
    """How far each label moves up, in pixels, so that any two are LABEL_GAP apart and none is under the
    axis.
    """
    order = sorted(range(len(heights)), key=lambda i: (heights[i], i))
    placed = [0.0] * len(heights)
    floor = LABEL_GAP / 2
    for i in order:
        placed[i] = max(heights[i], floor)
        floor = placed[i] + LABEL_GAP
    ceiling = float(PLOT_HEIGHT)
    for i in reversed(order):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - LABEL_GAP
    return [placed[i] - heights[i] for i in range(len(heights))]


def _dress(figure: "Figure", height: int) -> None:
    """House looks: no background, no dragging (a finger must scroll the page), room for the labels."""
    light = PALETTES["light"]
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 52, "r": 16, "t": 20, "b": 66},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": light["ink"]},
        dragmode=False,
    )
    grid = {"gridcolor": light["grid"], "zerolinecolor": light["grid"], "linecolor": light["grid"]}
    figure.update_xaxes(fixedrange=True, showgrid=True, zeroline=True, **grid)
    figure.update_yaxes(fixedrange=True, showgrid=True, zeroline=True, **grid)
