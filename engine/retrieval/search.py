"""Find the chunks for a question: dense and BM25 candidates, min-max normalised and
fused. Chooses no sentences."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.retrieval.chunk import Chunk
from engine.retrieval.index import Index
from engine.retrieval.words import words

POOL = 100


class Hit(NamedTuple):
    """A found chunk: `position` in the index, cosine `dense`, raw `bm25`, and `fused` in 0..1,
    comparable within a question."""

    position: int
    chunk: Chunk
    dense: float
    bm25: float
    fused: float


def search(
    index: Index, question: str, k: int = 3, *, dense_weight: float = 0.7, vector: Any = None
) -> list[Hit]:
    """The k best chunks, best first; `vector` is the question's embedding if it is there already.

    The candidates are the 100 best of each side; a side's score is scaled between its 100th best (0) and its
    best (1) (min-max, as in Bruch and others 2023, "An Analysis of Fusion Functions for Hybrid Retrieval",
    section 4), then fused = dense_weight * dense + (1 - dense_weight) * bm25.
    """
    import numpy as np

    if vector is None:
        vector = index.embedder.vectors([question])[0]
    total = len(index.chunks)
    pool = min(POOL, total)
    near, ids = index.dense.search(vector[None].astype(np.float32), pool)
    lexical = _bm25(index, question)
    best = np.argpartition(-lexical, pool - 1)[:pool]
    candidates = np.union1d(ids[0], best)
    cosine = np.array([float(vector @ index.dense.reconstruct(int(i))) for i in candidates])
    fused = dense_weight * _scaled(cosine, near[0].min(), near[0].max())
    fused += (1 - dense_weight) * _scaled(lexical[candidates], lexical[best].min(), lexical[best].max())
    order = np.lexsort((candidates, -fused))[:k]
    return [
        Hit(
            int(candidates[i]),
            index.chunks[int(candidates[i])],
            float(cosine[i]),
            float(lexical[candidates[i]]),
            float(fused[i]),
        )
        for i in order
    ]


def search_many(
    index: Index, questions: Sequence[str], k: int = 3, *, dense_weight: float = 0.7, vectors: Any = None
) -> list[list[Hit]]:
    """`search` for many questions, embedded together unless their `vectors` are there already."""
    if vectors is None:
        vectors = index.embedder.vectors(list(questions))
    return [
        search(index, q, k, dense_weight=dense_weight, vector=v)
        for q, v in zip(questions, vectors, strict=True)
    ]


def _bm25(index: Index, question: str) -> Any:
    import numpy as np

    known = [word for word in words(question) if word in index.sparse.vocab_dict]
    if not known:
        return np.zeros(len(index.chunks), dtype=np.float32)
    return index.sparse.get_scores(known)


def _scaled(scores: Any, low: float, high: float) -> Any:
    import numpy as np

    return np.clip((scores - low) / (high - low), 0, 1) if high > low else np.zeros(len(scores))
