"""The headings of a Markdown text: its title, and the sections its characters stand in. Knows no file."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from engine.data.records import Mark

_FENCE = re.compile(r" {0,3}(```|~~~)")
_HEADING = re.compile(r"#{1,6}[ \t]")


class Heading(NamedTuple):
    """A heading's first character, its level (1 to 6) and its words."""

    start: int
    level: int
    words: str


def headings(markdown: str) -> Iterator[Heading]:
    """Those with words that are not in a code block, in order."""
    fence, start = "", 0
    for line in markdown.split("\n"):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and _HEADING.match(line):
            marks, _, title = line.replace("\t", " ").partition(" ")
            before, _, closing = title.strip().rpartition(" ")
            title = before.strip() if closing.strip("#") == "" else title.strip()
            if title:
                yield Heading(start, len(marks), title)
        start += len(line) + 1


def heading(markdown: str) -> str:
    """The first `# ` heading, or the first of a lower level; empty if there is none."""
    found = list(headings(markdown))
    return next((one.words for one in found if one.level == 1), found[0].words if found else "")


def sections(markdown: str) -> tuple[Mark, ...]:
    """A mark at each heading, with the headings above it."""
    above: list[Heading] = []
    marks = []
    for found in headings(markdown):
        above = [*(one for one in above if one.level < found.level), found]
        marks.append(Mark(found.start, section=" > ".join(one.words for one in above)))
    return tuple(marks)
