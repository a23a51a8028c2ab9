"""Cut documents into chunks of whole sentences, at most `size` tokens of the embedder, with their places in the document.

A sentence longer than a chunk is cut at word boundaries. Knows nothing of vectors.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.data.records import Document
from engine.retrieval.sentences import Sentence, sentences

Lengths = Callable[[Sequence[str]], list[int]]
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Chunk:
    """`text` is document.text[start:end]; `sentences` are its sentences with offsets in the document; `tokens` counts them
    with the embedder's tokenizer."""

    document: str
    title: str
    start: int
    end: int
    text: str
    tokens: int
    sentences: tuple[Sentence, ...]


def chunk(documents: Iterable[Document], lengths: Lengths, size: int = 256, overlap: int = 0) -> list[Chunk]:
    """Pack each document's sentences, in order, into chunks of at most `size` tokens; `overlap` sentences are repeated at the
    start of the next chunk. Every sentence is in a chunk, and no chunk spans two documents."""
    return [made for document in documents for made in _pack(document, lengths, size, overlap)]


def _pack(document: Document, lengths: Lengths, size: int, overlap: int) -> Iterator[Chunk]:
    pieces = _fitting(sentences(document.text), lengths, size)
    group: list[tuple[Sentence, int]] = []
    fresh = 0
    for sentence, length in pieces:
        if group and fresh and sum(n for _, n in group) + length > size:
            yield _made(document, group)
            group = group[-overlap:] if overlap else []
            fresh = 0
            while group and sum(n for _, n in group) + length > size:
                group.pop(0)
        group.append((sentence, length))
        fresh += 1
    if fresh:
        yield _made(document, group)


def _made(document: Document, group: list[tuple[Sentence, int]]) -> Chunk:
    start, end = group[0][0].start, group[-1][0].end
    return Chunk(
        document.id, document.title, start, end, document.text[start:end], sum(n for _, n in group), tuple(s for s, _ in group)
    )


def _fitting(found: list[Sentence], lengths: Lengths, size: int) -> Iterator[tuple[Sentence, int]]:
    if not found:
        return
    for sentence, length in zip(found, lengths([s.text for s in found]), strict=True):
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
