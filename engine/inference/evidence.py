"""The stages before any model is asked: find chunks, compress them to bullets. Works on many questions."""

from collections.abc import Sequence
from typing import Any

from engine.errors import ConfigError
from engine.inference.case import Case
from engine.inference.spec import AnswerSpec
from engine.inference.trace import Answer, Bullet
from engine.retrieval.compress import compress
from engine.retrieval.index import Index
from engine.retrieval.search import Hit, search

# Cosine of question and best chunk below which little is to be found. Chosen on dev (samples space and
# handbook): 1 % and 0 % of their own answerable questions lie below it, and of the other one's questions 99 %
# and 97 %; on test 1 %, 0 %, 98 % and 99 %. A question on the subject that the documents do not answer is
# not told by it (test: 3 % and 0 %): that is the verifier's work.
LOW_RELEVANCE = 0.3


def retrieve(index: Index | None, cases: Sequence[Case], spec: AnswerSpec) -> None:
    """Put the found chunks into each case. Raises ConfigError without an index."""
    if index is None:
        raise ConfigError("Answering from evidence needs an index: build one, or switch the evidence off.")
    vectors = index.embedder.vectors([case.question for case in cases])
    for case, vector in zip(cases, vectors, strict=True):
        case.vector = vector
        case.hits = tuple(search(index, case.question, spec.k, dense_weight=spec.dense_weight, vector=vector))
        case.low = max((hit.dense for hit in case.hits), default=0.0) < LOW_RELEVANCE


def condense(index: Index | None, cases: Sequence[Case], spec: AnswerSpec) -> None:
    """Put the bullets into each case: chosen sentences, or the whole chunks."""
    for case in cases:
        if index is not None and spec.compress:
            case.bullets = tuple(compress(index, case.question, case.hits, spec.bullets, vector=case.vector))
        else:
            case.bullets = tuple(_whole(number, hit) for number, hit in enumerate(case.hits, 1))


def extras(index: Index | None, said: Sequence[tuple[Case, Answer]]) -> list[dict[str, float]]:
    """What the verifier cannot know by itself, for each answer to its case: retrieval (cosine of question
    and best chunk), relevance (of question and cited bullets), similarity (of question with answer and cited
    bullets), each cut to 0..1. Embeds all answers together."""
    if index is None or not any(case.bullets for case, _ in said):
        return [{} for _ in said]
    vectors = index.embedder.vectors([f"{case.question} {answer.text}" for case, answer in said])
    result = []
    for (case, answer), vector in zip(said, vectors, strict=True):
        rows = [_row(index, bullet) for bullet in case.bullets if bullet.number in answer.citations]
        rows = [row for row in rows if row is not None]
        parts = {"retrieval": max((hit.dense for hit in case.hits), default=0.0)}
        if rows:
            parts["relevance"] = max(float(row @ case.vector) for row in rows)
            parts["similarity"] = max(float(row @ vector) for row in rows)
        result.append({name: min(1.0, max(0.0, value)) for name, value in parts.items()})
    return result


def _row(index: Index, bullet: Bullet) -> Any:
    """The vector of a bullet that is a sentence of its chunk; a whole chunk has none here."""
    chunk = index.chunks[bullet.chunk]
    for place, sentence in enumerate(chunk.sentences):
        if (sentence.start, sentence.end) == (bullet.start, bullet.end):
            return index.sentence_vectors[index.first[bullet.chunk] + place].astype("float32")
    return None


def _whole(number: int, hit: Hit) -> Bullet:
    chunk = hit.chunk
    place = chunk.place(chunk.start)
    return Bullet(number, chunk.text, chunk.document, hit.position, chunk.start, chunk.end, hit.fused, place)
