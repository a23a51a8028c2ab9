"""Texts made regular: odd characters, blanks and broken lines put right, headers and footers that repeat
taken out.

What a function changes it can be asked for again without; it never touches the text it is given. Knows no
filter.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from engine.data.records import Document, Mark

_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufff9-\uffff]")
_BLANKS = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_ENDS = re.compile(r"[ \t]+$", re.M)
_GAPS = re.compile(r"\n{3,}")
_HYPHEN = re.compile(r"(?<=[a-z]{2})-\n(?=[a-z]{2,}(?![\w-]))")
_DIGITS = re.compile(r"\d+")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")

EDGE = 3  # lines at the top and at the bottom of a page that can be a header or a footer
LEAST_PAGES, LEAST_DOCUMENTS = 3, 5
SHARE = 0.5
WORDS = (4, 40)  # of a line that counts as boilerplate when most documents have it


def normalise(text: str) -> str:
    """`text` in Unicode's composed form, without control and invisible characters, with plain blanks, no
    blanks at ends of lines, at most one empty line in a row, and words that a line break cut put together."""
    if not text.isascii():
        text = _BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    text = _ODD.sub("", text)
    return _GAPS.sub("\n\n", _HYPHEN.sub("", _ENDS.sub("", text))).strip()


def normalised(document: Document) -> Document:
    """The document with its text made regular; its marks follow. The same document if nothing changed."""
    return rebuilt(document, [normalise(part) for part in parts(document)])


def repeated_lines(documents: Iterable[Document]) -> frozenset[str]:
    """Lines (digits as #) that at least half of the documents have, five at least: banners, notices, links of
    a site. Lines of code, headings and very short ones never count."""
    count, found = 0, Counter[str]()
    for document in documents:
        count += 1
        found.update(
            {key for line, key in _prose(document.text) if WORDS[0] <= line.count(" ") + 1 <= WORDS[1]}
        )
    least = max(LEAST_DOCUMENTS, SHARE * count)
    return frozenset(key for key, times in found.items() if times >= least)


def without_repeats(document: Document, repeated: frozenset[str]) -> tuple[Document, list[str]]:
    """The document without lines of `repeated` and without headers and footers that at least half of its
    pages have (three at least), and the lines that went."""
    pieces = parts(document)
    edges = _edges(pieces) if sum(mark.page > 0 for mark in document.marks) >= LEAST_PAGES else frozenset()
    if not edges and not repeated:
        return document, []
    gone: list[str] = []
    kept = []
    for part in pieces:
        lines = part.split("\n")
        filled = [row for row, line in enumerate(lines) if line.strip()]
        edge = {*filled[:EDGE], *filled[-EDGE:]} if edges else set()
        prose = {line for line, key in _prose(part) if key in repeated} if repeated else set()
        left = []
        for row, line in enumerate(lines):
            if (row in edge and _key(line) in edges) or line in prose:
                gone.append(line.strip())
            else:
                left.append(line)
        kept.append("\n".join(left).strip("\n") if len(left) < len(lines) else part)
    return (rebuilt(document, kept), gone) if gone else (document, [])


def _edges(pages: Sequence[str]) -> frozenset[str]:
    found: Counter[str] = Counter()
    for part in pages:
        lines = [line for line in part.split("\n") if line.strip()]
        found.update({_key(line) for line in [*lines[:EDGE], *lines[-EDGE:]]})
    least = max(LEAST_PAGES, SHARE * len(pages))
    return frozenset(key for key, times in found.items() if times >= least)


def _prose(text: str) -> Iterable[tuple[str, str]]:
    """(line, its key) of every line outside code blocks that is no heading, list item or table row."""
    fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and line.strip() and not line.startswith(("#", "    ", "\t", "|", "- ", "* ", ">")):
            yield line, _key(line)


def _key(line: str) -> str:
    return _DIGITS.sub("#", " ".join(line.split()).casefold())


def parts(document: Document) -> list[str]:
    """The text cut at its marks; what is before the first one comes first."""
    cuts = sorted({0, *(mark.start for mark in document.marks), len(document.text)})
    return [document.text[start:end] for start, end in pairwise(cuts)] or [""]


def rebuilt(document: Document, new: list[str]) -> Document:
    """The document of new parts, empty ones dropped with their marks, the others joined by an empty line."""
    if len(new) == 1:
        text = new[0]
        marks = tuple(mark._replace(start=0) for mark in document.marks)
    else:
        starts = sorted({0, *(mark.start for mark in document.marks)})
        at = {mark.start: mark for mark in document.marks}
        joined: list[str] = []
        moved: list[Mark] = []
        size = 0
        for start, part in zip(starts, new, strict=True):
            if not part.strip():
                continue
            if start in at:
                moved.append(at[start]._replace(start=size))
            joined.append(part.strip("\n"))
            size += len(joined[-1]) + 2
        text, marks = "\n\n".join(joined), tuple(moved)
    if text == document.text:
        return document
    return replace(document, text=text, marks=marks)


def moved(answers: Sequence[str], starts: Sequence[int], old: str, new: str) -> tuple[int, ...]:
    """Where `answers`, which began at `starts` of the `old` text, begin in the `new` one: the occurrence
    nearest to the same share of the way. Nothing if one can't be found or places and answers do not go
    together."""
    if len(answers) != len(starts) or not old:
        return ()
    found = []
    for answer, start in zip(answers, starts, strict=True):
        wanted = start * len(new) // len(old)
        places = [
            at for at in (new.rfind(answer, 0, wanted + len(answer)), new.find(answer, wanted)) if at >= 0
        ]
        if not places:
            return ()
        found.append(min(places, key=lambda at: abs(at - wanted)))
    return tuple(found)
