"""The stages before any model is asked: find chunks, compress them to bullets. Works on many questions."""

from collections.abc import Sequence

from engine.errors import ConfigError
from engine.inference.case import Case
from engine.inference.spec import AnswerSpec
from engine.inference.trace import Bullet
from engine.retrieval.compress import compress
from engine.retrieval.index import Index
from engine.retrieval.search import Hit, search

LOW_RELEVANCE = 0.25  # cosine of question and best chunk below which hardly any answer is ever found


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


def _whole(number: int, hit: Hit) -> Bullet:
    return Bullet(
        number, hit.chunk.text, hit.chunk.document, hit.position, hit.chunk.start, hit.chunk.end, hit.fused
    )
