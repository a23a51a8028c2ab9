"""Measure retrieval and compression on questions whose paragraph is known: nDCG@10, recall, MRR,
bullets kept, tokens saved."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.data.records import Document, Question
from engine.errors import DataError
from engine.evaluation.metrics import holds_answer
from engine.progress import Progress, Report, silent
from engine.retrieval.compress import compress
from engine.retrieval.index import build
from engine.retrieval.search import search

DEPTH = 50
K = 3


@dataclass(frozen=True)
class RetrievalResult:
    """Shares 0..1. Ranks are of documents, each by its best chunk. bullets_kept_n: of the questions whose
    answer stands in the top 3 chunks, the share whose answer still stands in n bullets;
    token_reduction_n: tokens that n bullets save against those chunks, by the embedder's tokenizer.
    `seconds` covers indexing and searching."""

    questions: int
    documents: int
    ndcg10: float
    r1: float
    r3: float
    r5: float
    mrr: float
    bullets_kept_5: float
    bullets_kept_8: float
    token_reduction_5: float
    token_reduction_8: float
    seconds: float


def measure(
    documents: Sequence[Document], questions: Sequence[Question], report: Report = silent
) -> RetrievalResult:
    """Index `documents`, ask every answerable question that names its document, and measure. Raises
    DataError if there is none."""
    asked = [question for question in questions if question.answerable and question.document]
    if not asked:
        raise DataError(
            "No question names the paragraph or document that answers it: retrieval can't be measured "
            "without that."
        )
    begun = time.monotonic()
    index = build(documents, report=report)
    ranks: list[int] = []
    kept = {5: 0, 8: 0}
    tokens = {5: 0, 8: 0}
    reached = full = 0
    vectors = index.embedder.vectors([question.question for question in asked])
    for done, (question, vector) in enumerate(zip(asked, vectors, strict=True), 1):
        hits = search(index, question.question, DEPTH, vector=vector)
        order = list(dict.fromkeys(hit.chunk.document for hit in hits))
        ranks.append(order.index(question.document) if question.document in order else -1)
        top = hits[:K]
        full += sum(hit.chunk.tokens for hit in top)
        reachable = holds_answer(" ".join(hit.chunk.text for hit in top), question.answers)
        reached += reachable
        for most in (5, 8):
            text = [bullet.text for bullet in compress(index, question.question, top, most, vector=vector)]
            tokens[most] += sum(index.embedder.lengths(text)) if text else 0
            kept[most] += reachable and holds_answer(" ".join(text), question.answers)
        report(Progress("measure", done, len(asked), "questions"))
    count = len(asked)
    return RetrievalResult(
        questions=count,
        documents=len(documents),
        ndcg10=_dcg(ranks) / count,
        r1=_recall(ranks, 1),
        r3=_recall(ranks, 3),
        r5=_recall(ranks, 5),
        mrr=sum(1 / (rank + 1) for rank in ranks if rank >= 0) / count,
        bullets_kept_5=kept[5] / reached if reached else 0.0,
        bullets_kept_8=kept[8] / reached if reached else 0.0,
        token_reduction_5=1 - tokens[5] / full,
        token_reduction_8=1 - tokens[8] / full,
        seconds=time.monotonic() - begun,
    )


def _dcg(ranks: Sequence[int]) -> float:
    """Sum over questions of nDCG@10 with one relevant document each: 1 / log2(rank + 2), rank from 0."""
    return sum(1 / math.log2(rank + 2) for rank in ranks if 0 <= rank < 10)


def _recall(ranks: Sequence[int], depth: int) -> float:
    return sum(0 <= rank < depth for rank in ranks) / len(ranks)
