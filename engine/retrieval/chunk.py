"""Cut documents into chunks of whole sentences, at most `size` tokens of the embedder, with their
places in the document.

A sentence longer than a chunk is cut at word boundaries, a word longer than one anywhere.
Knows nothing of vectors.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.data.records import Document, Mark, place
from engine.retrieval.sentences import Sentence, sentences

Lengths = Callable[[Sequence[str]], list[int]]
_WORD = re.compile(r"\S+")
# The embedder reads a long unbroken string as one unknown token; a generator would not. No language comes
# near this.
TOKEN_LETTERS = 16


@dataclass(frozen=True)
class Chunk:
    """`text` is document.text[start:end]; `sentences` are its sentences with offsets in the document;
    `tokens` counts them with the embedder's tokenizer; `marks` are those of the document's pages and sections
    that it lies in."""

    document: str
    title: str
    start: int
    end: int
    text: str
    tokens: int
    sentences: tuple[Sentence, ...]
    marks: tuple[Mark, ...] = ()

    def place(self, offset: int) -> str:
        """The page or section of a character of the document that is in this chunk; empty if not known."""
        return place(self.marks, offset)

    @property
    def where(self) -> str:
        """The page or section it begins on, and the one it ends on if that is another; empty if not known."""
        ends = (self.place(self.start), self.place(self.sentences[-1].start) if self.sentences else "")
        return " to ".join(dict.fromkeys(filter(None, ends)))


def chunk(documents: Iterable[Document], lengths: Lengths, size: int = 256, overlap: int = 0) -> list[Chunk]:
    """Pack each document's sentences, in order, into chunks of at most `size` tokens; `overlap`
    sentences are repeated at the start of the next chunk. Every sentence is in a chunk, and no
    chunk spans two documents."""
    return [made for document in documents for made in _pack(document, lengths, size, overlap)]


def _pack(document: Document, lengths: Lengths, size: int, overlap: int) -> Iterator[Chunk]:
    group: list[_Piece] = []
    fresh = 0
    for piece in _pieces(document.text, lengths, size):
        if fresh and _tokens([*group, piece]) > size:
            yield _made(document, group)
            group = group[-overlap:] if overlap else []
            fresh = 0
        while group and not fresh and _tokens([*group, piece]) > size:
            group.pop(0)
        group.append(piece)
        fresh += 1
    if fresh:
        yield _made(document, group)


class _Piece(NamedTuple):
    """A sentence, its tokens, and those of what stands between it and the one before (a table's
    rule, a row of stars)."""

    sentence: Sentence
    tokens: int
    gap: int


def _tokens(group: Sequence[_Piece]) -> int:
    return group[0].tokens + sum(piece.gap + piece.tokens for piece in group[1:])


def _made(document: Document, group: list[_Piece]) -> Chunk:
    start, end = group[0].sentence.start, group[-1].sentence.end
    found = tuple(piece.sentence for piece in group)
    first = max(0, bisect_right(document.marks, start, key=lambda mark: mark.start) - 1)
    marks = tuple(mark for mark in document.marks[first:] if mark.start < end)
    text = document.text[start:end]
    return Chunk(document.id, document.title, start, end, text, _tokens(group), found, marks)


def _pieces(text: str, lengths: Lengths, size: int) -> list[_Piece]:
    found = list(_fitting(sentences(text), lengths, size))
    ends = [0, *(sentence.end for sentence, _ in found)]
    gaps = [text[end : sentence.start].strip() for end, (sentence, _) in zip(ends, found, strict=False)]
    filled = [place for place, gap in enumerate(gaps) if gap]
    counted = dict(zip(filled, lengths([gaps[place] for place in filled]), strict=True)) if filled else {}
    return [_Piece(sentence, tokens, counted.get(place, 0)) for place, (sentence, tokens) in enumerate(found)]


def _fitting(found: list[Sentence], lengths: Lengths, size: int) -> Iterator[tuple[Sentence, int]]:
    if not found:
        return
    for sentence, length in zip(found, lengths([s.text for s in found]), strict=True):
        length = max(length, len(sentence.text) // TOKEN_LETTERS)
        if length <= size:
            yield sentence, length
            continue
        parts = list(_halves(sentence))
        yield from _fitting(parts, lengths, size) if len(parts) > 1 else [(sentence, length)]


def _halves(sentence: Sentence) -> Iterator[Sentence]:
    words = [match.span() for match in _WORD.finditer(sentence.text)]
    if len(words) < 2:
        middle = len(sentence.text) // 2
        if middle:
            yield Sentence(sentence.text[:middle], sentence.start, sentence.start + middle)
            yield Sentence(sentence.text[middle:], sentence.start + middle, sentence.end)
        return
    cut = len(words) // 2
    for first, last in ((words[0], words[cut - 1]), (words[cut], words[-1])):
        yield Sentence(sentence.text[first[0] : last[1]], sentence.start + first[0], sentence.start + last[1])
