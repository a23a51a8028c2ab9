"""Figures for a README: well-formed, every name told, every point inside the plot."""

import re
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.linechart import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axis, Line, svg, ticks

number = st.floats(0, 100)
lines = st.lists(
    st.builds(Line, st.text(max_size=20), st.lists(st.tuples(number, number), min_size=1, max_size=5)),
    min_size=1,
    max_size=9,
)


def printable(text: str) -> str:
    """Without what XML cannot hold."""
    return re.sub(r"[^ -~\u00a0-\ud7ff]", "", text)


@settings(max_examples=60, deadline=None)
@given(lines)
def test_every_line_is_named_and_its_points_lie_inside_the_plot(drawn: list[Line]) -> None:
    drawn = [line._replace(name=printable(line.name)) for line in drawn]
    figure = ElementTree.fromstring(svg(drawn, 'a <b> & "c"', Axis("x", 0, 100), Axis("y", 0, 100)))
    _, _, width, height = map(float, figure.attrib["viewBox"].split())
    said = [text.text or "" for text in figure.iter() if text.tag.endswith("text")]
    assert all(line.name in said for line in drawn) and {"x", "y"} <= set(said)
    assert next(figure.iter("{http://www.w3.org/2000/svg}title")).text == 'a <b> & "c"'
    places = [
        tuple(map(float, pair.split(",")))
        for line in figure.iter("{http://www.w3.org/2000/svg}polyline")
        for pair in line.attrib["points"].split()
    ]
    assert len(places) == sum(len(line.points) for line in drawn if len(line.points) > 1)
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in places)
    assert width == WIDTH and all(
        float(text.attrib["y"]) < height for text in figure.iter() if "y" in text.attrib
    )


def test_the_ends_of_the_axes_are_the_ends_of_the_plot_and_what_is_beyond_is_left_out() -> None:
    whole = Line("all", ((0.0, 50.0), (1.0, 60.0), (2.0, 55.0)))
    told = svg([whole], "t", Axis("x", 0, 1), Axis("y", 50, 60))
    assert f'points="{LEFT}.0,{BOTTOM}.0 {RIGHT}.0,{TOP}.0"' in told


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 90), st.floats(0.05, 100))
def test_ticks_are_few_even_and_between_the_ends(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-6 <= value <= low + width + 1e-6 for value in found)
    steps = [b - a for a, b in pairwise(found)]
    assert not steps or max(steps) - min(steps) < 1e-6
