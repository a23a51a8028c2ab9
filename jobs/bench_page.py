"""The page of a bench run: a table and two Plotly drawings, in one file that needs no network."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from engine.evaluation.figures import P50_COLOUR, P95_COLOUR, PALETTES, REPAINT
from engine.evaluation.page import STYLE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TICKS = [base * 10**power for power in range(6) for base in (1, 2, 5)]
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Bantam: speed</title>
<style>{style}</style>
<script>{plotly}</script>
</head>
<body>
<main>
<h1>Bantam: speed</h1>
<p>{machine}</p>
<div class="table" role="region" aria-label="Table of figures" tabindex="0">
<table>
<thead><tr><th scope="col">figure</th><th scope="col">value</th><th scope="col">unit</th>
<th scope="col" class="what">measured on</th></tr></thead>
<tbody>
{lines}</tbody>
</table>
</div>
{sections}
</main>
<script>{repaint}</script>
</body>
</html>
"""


def page(result: dict[str, Any]) -> str:
    """The page of what `bench` measured."""
    from plotly.offline import get_plotlyjs

    lines = "".join(
        f'<tr><th scope="row">{escape(name.replace("_", " "))}</th><td>{one["value"]:,.2f}</td>'
        f'<td>{escape(one["unit"])}</td><td class="what">{escape(one["what"])}</td></tr>\n'
        for name, one in result["figures"].items()
    )
    curves = result["curves"]
    drawings = [
        _section(
            "latency",
            "Latency",
            latencies(curves["query_ms"], curves["answer_ms"]),
            "The share of questions that took no longer than so many milliseconds, one at a time: search and "
            "compression alone, and the whole way to a verified answer.",
        ),
        _section(
            "growth",
            "Indexing ten times as much",
            growth(curves["growth_documents"], curves["growth_rates"]),
            result["figures"]["index_growth"]["what"] + ".",
        ),
    ]
    load = result["load_before"]
    machine = f"{result['machine']}, {result['threads']} threads, {result['memory_gb']} GB of memory"
    machine += "" if load is None else f"; load before it began: {load:.1f}"
    return PAGE.format(
        policy=POLICY,
        style=f"{STYLE}.what {{ text-align: left; white-space: normal; min-width: 16em; }}",
        plotly=get_plotlyjs(),
        machine=escape(machine),
        lines=lines,
        sections="\n".join(drawings),
        repaint=REPAINT,
    )


def latencies(query_ms: Sequence[float], answer_ms: Sequence[float]) -> "Figure":
    """The share of questions (0-100) over the milliseconds within which they were done, for queries and
    answers."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, colour, ms in (("query", P50_COLOUR, query_ms), ("answer", P95_COLOUR, answer_ms)):
        shares = [100 * place / len(ms) for place in range(1, len(ms) + 1)]
        figure.add_scatter(
            x=sorted(ms), y=shares, name=name, mode="lines", line={"color": colour, "shape": "hv"}
        )
    figure.update_xaxes(
        title="milliseconds (logarithmic)",
        type="log",
        tickvals=TICKS,
        ticktext=[f"{tick:,}" for tick in TICKS],
    )
    figure.update_yaxes(title="questions done, %", range=[0, 102])
    return _dressed(figure)


def growth(documents: Sequence[float], rates: Sequence[float]) -> "Figure":
    """Chunks a second over the number of documents that were indexed at once."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Bar(
            x=[f"{count:.0f} documents" for count in documents],
            y=list(rates),
            marker_color=P50_COLOUR,
            text=[f"{rate:.1f}" for rate in rates],
            width=0.4,
        )
    )
    figure.update_yaxes(title="chunks a second of computing", rangemode="tozero")
    return _dressed(figure)


def _dressed(figure: "Figure") -> "Figure":
    light = PALETTES["light"]
    lines = {"gridcolor": light["grid"], "zerolinecolor": light["grid"], "linecolor": light["grid"]}
    figure.update_layout(
        template="none",
        height=340,
        margin={"l": 60, "r": 16, "t": 36, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": light["ink"]},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        dragmode=False,
    )
    figure.update_xaxes(fixedrange=True, showgrid=True, **lines)
    figure.update_yaxes(fixedrange=True, showgrid=True, **lines)
    return figure


def _section(name: str, heading: str, figure: "Figure", words: str) -> str:
    config = {"displayModeBar": False, "responsive": True}
    plot = figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config)
    return (
        f'<h2>{escape(heading)}</h2><figure><div role="img" aria-label="{escape(words)}">{plot}</div>'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )
