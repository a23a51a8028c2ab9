"""The table of an ablation as report.csv, report.md and report.html, and in words. It measures nothing.

The page is one file that needs no network: plotly.js stands in it once and a content policy forbids
everything outside. Names of arms, titles, notes and facts may come from a data set and are escaped for each
format. Equal rows give equal bytes: no dates, no random ids.
"""

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import StorageError
from engine.evaluation import figures
from engine.evaluation.page import PAGE, STYLE, TABLE
from engine.evaluation.scoring import BASELINE, Row
from engine.evaluation.timing import Timing, by_stage

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

READING = (
    "EM, F1, accuracy (an accepted answer is contained), answered and citation precision are over the "
    "answerable questions; an answerable question that is refused scores 0. Unanswerable refused is over the "
    "questions the documents do not answer. Tokens are means a question. Token reduction compares the "
    'evidence with the full chunks. A "-" is not scored.'
)
CAPTION = "Scores and shares 0-100, by arm"
STAGES = "Latency by stage"
STAGE_WORDS = (
    "p50 / p95 in milliseconds, over the timed questions that went through the stage; percentiles of stages "
    "do not add up to those of the whole answer."
)
INTERVAL = (
    "Intervals are 95 % by paired bootstrap over the questions (percentile method, 10 000 resamples, seed 0)."
)


class _Told(NamedTuple):
    """What report.md and report.html tell, as `write_report` takes it; `words` are the sentences."""

    title: str
    rows: Sequence[Row]
    words: Sequence[str]
    times: Sequence[Timing]
    notes: Sequence[str]
    facts: Mapping[str, str]
    command: str


def write_report(
    folder: Path,
    title: str,
    rows: Sequence[Row],
    *,
    notes: Sequence[str],
    facts: Mapping[str, str],
    command: str,
    also: Sequence[str] = (),
    times: Sequence[Timing] = (),
) -> None:
    """Write report.csv, report.md and report.html into `folder` (made if it is not there), each whole or not
    at all.

    `notes` are sentences, `facts` what the numbers depend on (machine, models, data set counts, how latency
    was measured), `command` what gives the table again, `also` sentences that follow those of the rows,
    `times` where the milliseconds go. StorageError if the folder cannot be written.
    """
    if not rows:
        raise ValueError("A report needs at least one row.")
    told = _Told(title, rows, [*sentences(rows), *also], times, notes, facts, command)
    texts = {"report.csv": _csv(rows), "report.md": _markdown(told), "report.html": _html(told)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            _write_whole(folder / name, text)
    except OSError as error:
        raise StorageError(
            f"The report cannot be written to {folder} ({error.strerror or error}). "
            "Name a folder that can be written."
        ) from error


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table with aligned columns, fit for a terminal; ends without a line feed."""
    return _aligned([_header(rows), *map(_cells, rows)])


def _aligned(table: Sequence[Sequence[str]]) -> str:
    """A heading and its lines as a Markdown table with aligned columns, all but the first to the right."""
    cells = [[_cell_text(cell) for cell in line] for line in table]
    widths = [max(3, *(len(line[column]) for line in cells)) for column in range(len(cells[0]))]
    marks = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for line in (cells[0], marks, *cells[1:]):
        padded = [
            line[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)),
        ]
        lines.append("| " + " | ".join(padded) + " |")
    return "\n".join(lines)


def sentences(rows: Sequence[Row]) -> list[str]:
    """One plain sentence a row: what the arm bought over the baseline, and what it cost."""
    base = _baseline(rows)
    return [_sentence(row, base) for row in rows]


def _baseline(rows: Sequence[Row]) -> Row | None:
    """The arm the others are compared with, by the rule of `scoring.summarize`."""
    return next((row for row in rows if row.arm == BASELINE), rows[0] if rows else None)


def _sentence(row: Row, base: Row | None) -> str:
    if base is None or row is base:
        bought = "not scored on answerable questions" if row.f1 is None else f"F1 {row.f1:.1f}"
        costs = [
            "" if row.prompt_tokens is None else f"{row.prompt_tokens:.0f} prompt tokens",
            "" if row.p50_ms is None else f"{_ms(row.p50_ms)} ms at the median",
        ]
    else:
        bought = _gain(row, base.arm)
        costs = [_more_tokens(row, base), _more_ms(row, base)]
    cost = " and ".join(filter(None, costs))
    joint = " with " if row is base or base is None else " for "
    refusals = _refusals(row)
    return (
        f"{row.arm}: {bought}" + (joint + cost if cost else "") + (f"; {refusals}" if refusals else "") + "."
    )


def _gain(row: Row, base: str) -> str:
    """The claim on F1 that the interval as printed allows, and no more."""
    if row.f1_delta is None:
        return f"not compared with {base}"
    if row.f1_low is None or row.f1_high is None:
        return f"F1 {tidy(row.f1_delta, '+.1f')} against {base} (too few questions for an interval)"
    interval = f"{tidy(row.f1_delta, '+.1f')} [{tidy(row.f1_low, '.1f')}, {tidy(row.f1_high, '.1f')}]"
    if round(row.f1_low, 1) > 0:
        return f"F1 {interval} over {base}"
    if round(row.f1_high, 1) < 0:
        return f"F1 below {base} ({interval})"
    return f"no difference in F1 to {base} that this sample can show ({interval})"


def _more_tokens(row: Row, base: Row) -> str:
    if row.prompt_tokens is None or base.prompt_tokens is None:
        return ""
    more = round(row.prompt_tokens - base.prompt_tokens)
    return f"{abs(more)} {'more' if more > 0 else 'fewer'} prompt tokens" if more else "no more prompt tokens"


def _more_ms(row: Row, base: Row) -> str:
    if row.p50_ms is None or base.p50_ms is None:
        return ""
    amount = _ms(abs(row.p50_ms - base.p50_ms))
    if float(amount) == 0:
        return "the same time at the median"
    return f"{amount} ms {'more' if row.p50_ms > base.p50_ms else 'less'} at the median"


def _refusals(row: Row) -> str:
    parts = [
        f"{share:.0f} % of {questions}"
        for share, questions in (
            (row.unanswerable_refused, "the questions the documents do not answer"),
            (None if row.answered is None else 100 - row.answered, "those they do answer"),
        )
        if share is not None
    ]
    if row.unanswerable_refused is None:
        return (
            "it refuses " + parts[0].replace("those they do", "the questions the documents do")
            if parts
            else ""
        )
    return "it refuses " + " and ".join(parts)


def _header(rows: Sequence[Row]) -> list[str]:
    base = _baseline(rows)
    return [
        "arm",
        "EM",
        "F1",
        "accuracy",
        "answered %",
        "citation precision %",
        "unanswerable refused %",
        "prompt tokens",
        "output tokens",
        "token reduction %",
        "p50 ms",
        "p95 ms",
        f"F1 - {base.arm if base else BASELINE} [95 %]",
    ]


def _cells(row: Row) -> list[str]:
    difference = _one(row.f1_delta, "+.1f")
    if row.f1_low is not None and row.f1_high is not None:
        difference += f" [{_one(row.f1_low)}, {_one(row.f1_high)}]"
    shares = (row.em, row.f1, row.accuracy, row.answered, row.citation_precision, row.unanswerable_refused)
    return [
        row.arm,
        *map(_one, shares),
        _one(row.prompt_tokens, ".0f"),
        _one(row.output_tokens),
        _one(row.token_reduction),
        "-" if row.p50_ms is None else _ms(row.p50_ms),
        "-" if row.p95_ms is None else _ms(row.p95_ms),
        difference,
    ]


def _one(value: float | None, form: str = ".1f") -> str:
    return "-" if value is None else tidy(value, form)


def _ms(value: float) -> str:
    return tidy(value, ".1f" if abs(value) < 10 else ".0f")


def tidy(value: float, form: str) -> str:
    """`value` in `form`, without the sign of a zero."""
    text = format(value, form)
    return text.lstrip("+-") if float(text) == 0 else text


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    for row in rows:
        arm, *numbers = astuple(row)
        writer.writerow([arm, *("" if number is None else tidy(number, ".4f") for number in numbers)])
    return text.getvalue()


def _markdown(told: _Told) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", told.command)), default=0))
    parts = [
        f"# {_plain(told.title)}",
        table(told.rows),
        f"{READING} {INTERVAL}",
        "\n".join(f"- {_plain(sentence)}" for sentence in told.words),
    ]
    if told.times:
        parts += [f"## {STAGES}", _aligned(by_stage(told.times)), STAGE_WORDS]
    if told.notes:
        parts += ["## Notes", "\n".join(f"- {_plain(note)}" for note in told.notes)]
    if told.facts:
        parts += [
            "## Measured on",
            "\n".join(f"- {_plain(name)}: {_plain(fact)}" for name, fact in told.facts.items()),
        ]
    parts += ["## Again", f"{fence}\n{told.command}\n{fence}"]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """One line of Markdown that shows `text` as it is."""
    line = " ".join(text.split()).replace("\\", "\\\\").replace("<", "&lt;").replace("](", "]\\(")
    line = re.sub(r"([`*|]|(?<!\w)_|_(?!\w))", r"\\\1", line)
    return re.sub(r"^([#>+\-\[=~]|\d+(?=[.)]))", r"\\\1", line)


def _cell_text(text: str) -> str:
    return (
        " ".join(text.split())
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("`", "\\`")
    )


def _html(told: _Told) -> str:
    from plotly.offline import get_plotlyjs

    sections = [f"<h2>In words</h2>{_items(told.words)}"]
    drawn = [
        (
            "f1-tokens",
            "F1 against prompt tokens",
            figures.f1_against_tokens(told.rows),
            figures.describe_f1(told.rows),
        ),
        ("latency", "Latency", figures.latency(told.rows), figures.describe_latency(told.rows)),
    ]
    sections += [_figure(*drawing) for drawing in drawn]
    if told.times:
        sections.append(f"<h2>{STAGES}</h2>{_table(by_stage(told.times), STAGES, STAGE_WORDS)}")
    if told.notes:
        sections.append(f"<h2>Notes</h2>{_items(told.notes)}")
    if told.facts:
        pairs = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in told.facts.items()
        )
        sections.append(f"<h2>Measured on</h2><dl>{pairs}</dl>")
    sections.append(f"<h2>Again</h2><pre><code>{escape(told.command)}</code></pre>")
    return PAGE.format(
        title=escape(told.title),
        table=_table([_header(told.rows), *map(_cells, told.rows)], "Table of results", CAPTION),
        reading=escape(f"{READING} {INTERVAL}"),
        sections="\n".join(sections),
        plotly=get_plotlyjs(),
        repaint=figures.REPAINT,
        style=STYLE,
    )


def _table(lines: Sequence[Sequence[str]], label: str, caption: str) -> str:
    """A heading and its lines as a table that can be scrolled."""
    head, *body = lines
    return TABLE.format(
        label=escape(label),
        caption=escape(caption),
        columns="".join(f'<th scope="col">{escape(cell)}</th>' for cell in head),
        lines="".join(
            f'<tr><th scope="row">{escape(cells[0]).replace("+", "+<wbr>")}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:])
            + "</tr>\n"
            for cells in body
        ),
    )


def _items(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def _figure(name: str, heading: str, figure: "Figure | None", words: str) -> str:
    """One figure with its text alternative, which is also all there is when nothing can be drawn."""
    drawing = ""
    if figure is not None:
        plot = figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=name,
            config={"displayModeBar": False, "responsive": True},
        )
        drawing = f'<div role="img" aria-label="{escape(words)}">{plot}</div>'
    more = (
        " Bars: 95 % interval of the difference to the baseline." if name == "f1-tokens" and drawing else ""
    )
    return (
        f"<h2>{escape(heading)}</h2><figure>{drawing}<figcaption>{escape(words)}{more}</figcaption>"
        "<noscript>The figure needs JavaScript; the table holds the same numbers.</noscript></figure>"
    )


def _write_whole(path: Path, text: str) -> None:
    """Write a neighbour of `path`, then rename it: a reader sees the old file or the new one, never a
    part.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
