"""Lines and points as one SVG file that a README can show: no script, no font of its own, a light card that
is readable on a dark page too. Knows numbers and names, no model.
"""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH = 640
LEFT, RIGHT, TOP, BOTTOM = 56, 624, 20, 252  # of the plot, in pixels
INK, SOFT, GRID = "#1b2330", "#55617a", "#d5dce6"
COLOURS = ("#1d4ed8", "#b45309", "#0f766e", "#7e22ce", "#be123c", "#4d7c0f", "#334155")  # all 4.5:1 on white
COLUMNS = 2  # of the legend


class Line(NamedTuple):
    """A named line of (x, y), or one point; `dashed` is for what is only there to compare with."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


class Axis(NamedTuple):
    """What is measured, and its ends."""

    title: str
    low: float
    high: float


def svg(lines: Sequence[Line], title: str, x: Axis, y: Axis) -> str:
    """The figure as text; `title` is what a screen reader says. Points outside the axes are left out."""
    height = BOTTOM + 56 + ceil(len(lines) / COLUMNS) * 17
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *_grid(x, y),
    ]
    for place, line in enumerate(lines):
        parts += _drawn(line, COLOURS[place % len(COLOURS)], x, y)
        parts += _key(line, COLOURS[place % len(COLOURS)], place)
    return "\n".join([*parts, "</svg>", ""])


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between the ends, at most `most` of them."""
    step = 10 ** floor(log10((high - low) / (most - 1)))
    step *= next(by for by in (1, 2, 5, 10) if (high - low) / (step * by) <= most - 1)
    return [round(step * n, 10) for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _grid(x: Axis, y: Axis) -> list[str]:
    rows = []
    for value in ticks(y.low, y.high):
        at = _y(value, y)
        rows.append(
            f'<line x1="{LEFT}" x2="{RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="{SOFT}">{value:g}</text>'
        )
    for value in ticks(x.low, x.high):
        at = _x(value, x)
        rows.append(
            f'<text x="{at:.1f}" y="{BOTTOM + 18}" text-anchor="middle" fill="{SOFT}">{value:g}</text>'
        )
    middle = (TOP + BOTTOM) / 2
    rows.append(
        f'<text x="{(LEFT + RIGHT) / 2:.0f}" y="{BOTTOM + 38}" text-anchor="middle" fill="{INK}">'
        f'{escape(x.title)}</text><text x="14" y="{middle:.0f}" text-anchor="middle" fill="{INK}" '
        f'transform="rotate(-90 14 {middle:.0f})">{escape(y.title)}</text>'
    )
    return rows


def _drawn(line: Line, colour: str, x: Axis, y: Axis) -> list[str]:
    inside = [one for one in line.points if x.low <= one[0] <= x.high and y.low <= one[1] <= y.high]
    at = [(_x(one[0], x), _y(one[1], y)) for one in inside]
    if len(line.points) == 1:
        return [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="5" fill="{colour}"/>' for a, b in at]
    told = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    return [f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']


def _key(line: Line, colour: str, place: int) -> list[str]:
    left = LEFT + (place % COLUMNS) * (RIGHT - LEFT) / COLUMNS
    at = BOTTOM + 58 + (place // COLUMNS) * 17
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    sign = (
        f'<circle cx="{left + 12:.0f}" cy="{at}" r="5" fill="{colour}"/>'
        if len(line.points) == 1
        else f'<line x1="{left:.0f}" x2="{left + 24:.0f}" y1="{at}" y2="{at}" stroke="{colour}" '
        f'stroke-width="2"{dash}/>'
    )
    return [f'{sign}<text x="{left + 32:.0f}" y="{at + 4}" fill="{INK}">{escape(line.name)}</text>']


def _x(value: float, axis: Axis) -> float:
    return LEFT + (value - axis.low) / (axis.high - axis.low) * (RIGHT - LEFT)


def _y(value: float, axis: Axis) -> float:
    return BOTTOM - (value - axis.low) / (axis.high - axis.low) * (BOTTOM - TOP)
