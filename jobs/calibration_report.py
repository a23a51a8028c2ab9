"""The report of a calibration and its cascade: report.md and report.html with the reliability figure and the
curve of F1 against cost, and both as SVG files for a README. Measures nothing."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.evaluation.calibrate import reliability
from engine.evaluation.curves import Curve
from engine.evaluation.harness import outcomes
from engine.evaluation.linechart import Axis, Line, svg
from jobs.calibration import Judged

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = ("#3b82f6", "#d97706", "#0f9d6c", "#9d4edd")


def write(
    folder: Path, manifest: dict[str, Any], pair: Sequence[Judged], lines: Sequence[Curve] = ()
) -> None:
    """Write report.md, report.html, reliability.svg and (with `lines`) curve.svg into `folder`."""
    text = _markdown(manifest)
    (folder / "report.md").write_text(text, encoding="utf-8")
    drawn = [("Reliability on the test split", reliability_figure(pair), _bins(pair))]
    (folder / "reliability.svg").write_text(reliability_svg(manifest["name"], pair), encoding="utf-8")
    if lines:
        (folder / "curve.svg").write_text(cost_svg(manifest["name"], lines), encoding="utf-8")
        drawn.append(("F1 against cost", cost_figure(lines), _spoken(lines)))
    (folder / "report.html").write_text(_html(manifest["name"], text, drawn), encoding="utf-8")


def reliability_figure(pair: Sequence[Judged]) -> "Figure":
    """Share right over P(correct) in ten bins, a line a tier, the size of a point its answers."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfect", line={"dash": "dot", "color": "#888"})
    )
    for judged, colour in zip(pair, COLOURS, strict=False):
        believed = [p for p in judged.believed(judged.test) if p >= 0]
        bins = reliability(believed, outcomes(judged.test)[1])
        figure.add_scatter(
            x=[one.believed for one in bins],
            y=[one.right for one in bins],
            text=[f"{one.n} answers" for one in bins],
            mode="lines+markers",
            name=escape(judged.name),
            marker={"size": [6 + one.n**0.5 for one in bins], "color": colour},
            hovertemplate="P(correct) %{x:.2f}<br>right %{y:.2f}<br>%{text}<extra></extra>",
        )
    figure.update_xaxes(title="P(correct), mean of the bin", range=[0, 1])
    figure.update_yaxes(title="share right", range=[0, 1.02])
    return _dressed(figure)


def cost_figure(lines: Sequence[Curve]) -> "Figure":
    """F1 over mean cost (share of always asking the large tier)."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, line in enumerate(lines):
        alone = len(line.points) == 1
        figure.add_scatter(
            x=[one.cost for one in line.points],
            y=[100 * one.gain for one in line.points],
            text=[f"{100 * one.escalated:.0f} % escalated" for one in line.points],
            mode="markers" if alone else "lines",
            name=line.name,
            marker={"size": 11, "symbol": place},
            line={"color": COLOURS[place % len(COLOURS)], "dash": "dot" if "mix" in line.name else "solid"},
            hovertemplate="F1 %{y:.1f}<br>cost %{x:.2f}<br>%{text}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title="mean cost, as a share of always asking the large tier", rangemode="tozero")
    figure.update_yaxes(title="F1 of the answerable questions")
    return _dressed(figure)


def reliability_svg(name: str, pair: Sequence[Judged]) -> str:
    """The reliability figure as an SVG file's text."""
    drawn = [Line("perfect", ((0.0, 0.0), (1.0, 1.0)), dashed=True)]
    for judged in pair:
        believed = [p for p in judged.believed(judged.test) if p >= 0]
        bins = reliability(believed, outcomes(judged.test)[1])
        drawn.append(Line(judged.name, [(one.believed, one.right) for one in bins]))
    ends = Axis("P(correct), mean of the bin", 0, 1), Axis("share right", 0, 1)
    return svg(drawn, f"Reliability of P(correct) on {name}'s test split: {_bins(pair)}", *ends)


def cost_svg(name: str, lines: Sequence[Curve]) -> str:
    """The curve of F1 against cost as an SVG file's text."""
    gains = [100 * one.gain for line in lines for one in line.points]
    costs = [one.cost for line in lines for one in line.points]
    low, high = min(gains), max(gains)
    edge = max(1.0, 0.1 * (high - low))
    drawn = [
        Line(line.name, [(one.cost, 100 * one.gain) for one in line.points], dashed="mix" in line.name)
        for line in lines
    ]
    return svg(
        drawn,
        f"F1 against cost on {name}'s test split. {_spoken(lines)}",
        Axis("mean cost, as a share of always asking the large tier", 0, max(1.0, *costs)),
        Axis("F1 of the answerable questions", max(0.0, low - edge), high + edge),
    )


def _dressed(figure: "Figure") -> "Figure":
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=420,
        legend={"orientation": "h", "y": -0.25},
        margin={"l": 60, "r": 20, "t": 20, "b": 60},
    )
    return figure


def _markdown(manifest: dict[str, Any]) -> str:
    lines = [f"# Calibration of {manifest['name']}", ""]
    lines += [
        f"P(correct) was fitted on {manifest['fitted_on']} answers to dev questions{_also(manifest)} "
        f"(logistic regression, standardised, shrunk) and measured on "
        f"{manifest['n']} test answers of the tiers {', '.join(manifest['order'])}: "
        f"AUROC {_number(manifest['auroc'])}, ECE {_number(manifest['ece'])} in ten bins (a perfectly "
        f"calibrated belief shows {_number(manifest['ece_by_chance'])} by chance on so many answers), Brier "
        f"{_number(manifest['brier'])}. An answer is right with F1 of at least 0.5, or with an accepted "
        "answer in it; an answer to a question without one is wrong.",
        "",
        "| tier | split | answers | right | AUROC | ECE | Brier |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for tier, found in manifest["by_tier"].items():
        for split, one in found.items():
            seen = "dev, out of fold" if split == "dev" else split
            lines.append(
                f"| {tier} | {seen} | {one['n']} | {one['right']:.3f} | {_number(one['auroc'])} | "
                f"{_number(one['ece'])} | {_number(one['brier'])} |"
            )
    lines += ["", "## What each feature is worth", "", "On dev: AUROC of the feature alone, and what the fit"]
    lines[-1] += " loses in AUROC without it, out of fold."
    lines += ["", "| feature | alone | lost without it |", "| --- | ---: | ---: |"]
    lines += [
        f"| {row['feature']} | {_number(row['alone'])} | {row['lost']:+.3f} |" for row in manifest["worth"]
    ]
    if manifest.get("cascade"):
        lines += ["", "## The cascade", "", manifest["cascade"]["result"]["sentence"], ""]
        lines += ["| setting | value |", "| --- | ---: |"]
        lines += [f"| {name} | {value} |" for name, value in manifest["cascade"]["settings"].items()]
        lines += ["", "| on test | value |", "| --- | ---: |"]
        lines += [
            f"| {name.replace('_', ' ')} | {_number(value)} |"
            for name, value in manifest["cascade"]["result"].items()
            if isinstance(value, int | float) or value is None
        ]
    return "\n".join(lines) + "\n"


def _also(manifest: dict[str, Any]) -> str:
    others = manifest.get("also")
    return f" and to those of {', '.join(others)}" if others else ""


def _number(value: float | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _bins(pair: Sequence[Judged]) -> str:
    said = []
    for judged in pair:
        believed = [p for p in judged.believed(judged.test) if p >= 0]
        bins = reliability(believed, outcomes(judged.test)[1])
        said.append(f"{judged.name}: " + ", ".join(f"{b.believed:.2f} right {b.right:.2f}" for b in bins))
    return ". ".join(said) + "."


def _spoken(lines: Sequence[Curve]) -> str:
    ends = [
        f"{line.name} {100 * line.points[-1].gain:.1f} at cost {line.points[-1].cost:.2f}" for line in lines
    ]
    return "F1 at the right end of each line: " + "; ".join(ends) + "."


def _html(name: str, text: str, drawn: Sequence[tuple[str, "Figure", str]]) -> str:
    from plotly.offline import get_plotlyjs

    figures = "".join(
        f"<h2>{escape(heading)}</h2>"
        + figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"figure-{place}")
        + f"<p>{escape(words)}</p>"
        for place, (heading, figure, words) in enumerate(drawn)
    )
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Calibration of {escape(name)}'
        f'</title><meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;background:#fff;"
        "color:#1b2330}pre{white-space:pre-wrap}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><main><h1>Calibration of {escape(name)}</h1>{figures}"
        f"<h2>In numbers</h2><pre>{escape(text)}</pre></main></body></html>\n"
    )
