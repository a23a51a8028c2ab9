"""Compress found chunks to a few bullets: whole sentences chosen for the question, kept in source order.

Extractive, so that every bullet has a place in a document and can be cited. Writes nothing new.
"""

import re
from collections.abc import Sequence
from typing import Any

from engine.inference.trace import Bullet
from engine.retrieval.index import Index
from engine.retrieval.search import Hit
from engine.retrieval.words import words

PASSAGE_WEIGHT = 0.7
FLOOR = 0.1
DUPLICATE = 0.95
_HEADING = re.compile(r"#{1,6}\s")


def compress(
    index: Index,
    question: str,
    hits: Sequence[Hit],
    most: int = 8,
    *,
    floor: float = FLOOR,
    vector: Any = None,
) -> list[Bullet]:
    """At most `most` bullets for the question.

    A sentence's score is 0.5 idf-weighted share of the question's words in it + 0.5 cosine + PASSAGE_WEIGHT
    times its chunk's fused score. When not even one sentence's first two parts reach `floor` together, the
    list is empty: no evidence. A sentence closer than DUPLICATE (cosine) to a chosen one is dropped. Order:
    documents by their best chunk, then by place.
    """
    if vector is None:
        vector = index.embedder.vectors([question])[0]
    asked = set(words(question))
    weight = sum(index.idf(word) for word in asked) or 1.0
    scored = []
    most_relevant = -1.0
    for hit in hits:
        rows = index.sentence_vectors[index.first[hit.position] : index.first[hit.position + 1]].astype(
            "float32"
        )
        for sentence, row, cosine in zip(hit.chunk.sentences, rows, rows @ vector, strict=True):
            if is_heading(sentence.text):
                continue
            overlap = sum(index.idf(word) for word in asked & set(words(sentence.text))) / weight
            relevance = 0.5 * overlap + 0.5 * float(cosine)
            most_relevant = max(most_relevant, relevance)
            scored.append((relevance + PASSAGE_WEIGHT * hit.fused, hit, sentence, row))
    if most_relevant < floor:
        return []
    scored.sort(key=lambda item: -item[0])
    chosen: list[Any] = []
    for item in scored:
        if len(chosen) == most:
            break
        if all(float(item[3] @ other[3]) < DUPLICATE for other in chosen):
            chosen.append(item)
    rank = {
        document: place for place, document in reversed(list(enumerate(hit.chunk.document for hit in hits)))
    }
    chosen.sort(key=lambda item: (rank[item[1].chunk.document], item[2].start))
    return [
        Bullet(
            number,
            sentence.text,
            hit.chunk.document,
            hit.position,
            sentence.start,
            sentence.end,
            score,
            hit.chunk.place(sentence.start),
        )
        for number, (score, hit, sentence, _) in enumerate(chosen, 1)
    ]


def is_heading(text: str) -> bool:
    """Whether a sentence is a Markdown heading, which names a subject and states nothing."""
    return bool(_HEADING.match(text))
