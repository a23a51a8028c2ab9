"""Cut a text into sentences with their offsets. The rules of the language are sentencex's; this
keeps places, not words.

Headings, list items and paragraphs end a sentence even without a full stop; fenced code stays
in one piece per line.
"""

import re
from itertools import pairwise
from typing import NamedTuple

_BREAK = re.compile(
    r"(?m:^ {0,3}#{1,6}[ \t][^\n]*\n)|\n\s*\n|\n(?=\s{0,3}(?:#{1,6}\s|[-*+]\s|\d{1,3}[.)]\s|\||>|```))"
)
_WORD = re.compile(r"\w")


class Sentence(NamedTuple):
    """`text` without white space around it; `start` and `end` are character offsets in what was cut."""

    text: str
    start: int
    end: int


def sentences(text: str, language: str = "en") -> list[Sentence]:
    """The sentences of `text` in order; text[start:end] == sentence.text for each. What holds no
    letter or digit is left out."""
    from sentencex import get_sentence_boundaries

    found = []
    for start, end in _blocks(text):
        for boundary in get_sentence_boundaries(language, text[start:end]):
            piece = _trimmed(text, start + boundary["start_index"], start + boundary["end_index"])
            if _WORD.search(piece.text):
                found.append(piece)
    return found


def _blocks(text: str) -> list[tuple[int, int]]:
    cuts = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
    return [(start, end) for start, end in pairwise(cuts) if text[start:end].strip()]


def _trimmed(text: str, start: int, end: int) -> Sentence:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Sentence(text[start:end], start, end)
