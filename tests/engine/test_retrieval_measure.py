"""nDCG, recall, MRR, bullets kept and tokens saved equal what a plain loop over the whole corpus counts."""

import re
import string
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from engine.data.records import Document, Question
from engine.errors import DataError
from engine.evaluation.retrieval import RetrievalResult, measure
from engine.progress import Progress
from engine.retrieval.compress import compress
from engine.retrieval.index import Index, build, titled
from engine.retrieval.search import Hit, search
from engine.retrieval.words import words
from tests.corpus import DOCUMENTS, NOTHING_LIKE_IT, QUESTIONS, UNANSWERABLE

# One paragraph a document as in SQuAD; more of them than a rank counts, and titles that tell nothing.
PARAGRAPHS = tuple(
    Document(f"{document.id}-{number}", "", text)
    for document in DOCUMENTS
    for number, text in enumerate(re.split(r"(?<=\.) ", document.text.split("\n\n", 1)[1]))
)
HOME = {
    question.id: next(paragraph.id for paragraph in PARAGRAPHS if paragraph.text == question.evidence)
    for question in QUESTIONS
}
LOST = replace(QUESTIONS[0], id="lost", document="nowhere")
MISLED = Question("misled", "Who was the first person to walk on the Moon?", ("nitrogen",), "titan-2")
FAR = Question("far", NOTHING_LIKE_IT, ("Pacific Ocean",), "apollo-5")
ASKED = (*(replace(question, document=HOME[question.id]) for question in QUESTIONS), LOST, MISLED, FAR)


@pytest.fixture(scope="module")
def index() -> Index:
    return build(PARAGRAPHS)


@pytest.fixture(scope="module")
def result() -> RetrievalResult:
    return measure(PARAGRAPHS, [*ASKED, *UNANSWERABLE])


def ranking(index: Index, question: str) -> list[str]:
    """Every document by 0.7 dense + 0.3 BM25, both scaled over all chunks and summed here."""
    vector = index.embedder.vectors([question])[0]
    dense = index.embedder.vectors([titled(chunk) for chunk in index.chunks]) @ vector
    known = [word for word in words(question) if word in index.sparse.vocab_dict]
    lexical = index.sparse.get_scores(known) if known else np.zeros(len(index.chunks))
    fused = 0.7 * scaled(dense) + 0.3 * scaled(lexical)
    order = sorted(range(len(fused)), key=lambda place: -fused[place])
    return list(dict.fromkeys(index.chunks[place].document for place in order))


def scaled(scores: Any) -> Any:
    low, high = min(scores), max(scores)
    return np.array([(score - low) / (high - low) if high > low else 0.0 for score in scores])


def has(texts: list[str], question: Question) -> bool:
    """Whether an answer stands in the texts, letter case, articles and punctuation aside."""

    def plain(text: str) -> str:
        kept = "".join(letter for letter in text.lower() if letter not in string.punctuation)
        return " ".join(word for word in kept.split() if word not in ("a", "an", "the"))

    padded = f" {plain(' '.join(texts))} "
    return any(f" {plain(answer)} " in padded for answer in question.answers)


def test_ranks_are_those_of_a_plain_loop_over_all_documents(index: Index, result: RetrievalResult) -> None:
    import torch
    from torchmetrics.functional.retrieval import retrieval_normalized_dcg as ndcg

    gains, reciprocal, ranks = [], [], []
    for question in ASKED:
        order = ranking(index, question.question)
        rank = order.index(question.document) if question.document in order else None
        relevant = torch.tensor([document == question.document for document in order])
        scores = -torch.arange(len(order), dtype=torch.float)
        gains.append(float(ndcg(scores, relevant, top_k=10)) if rank is not None else 0.0)
        reciprocal.append(0.0 if rank is None else 1 / (1 + rank))
        ranks.append(10**9 if rank is None else rank)
    assert len(PARAGRAPHS) > 20 and max(rank for rank in ranks if rank < 10**9) > 9
    assert result.ndcg10 == pytest.approx(np.mean(gains))
    assert result.mrr == pytest.approx(np.mean(reciprocal))
    for depth, share in ((1, result.r1), (3, result.r3), (5, result.r5)):
        assert share == pytest.approx(np.mean([rank < depth for rank in ranks]))
    assert 0.5 < result.r1 <= result.r3 <= result.r5 < 1


def test_bullets_and_tokens_are_those_of_a_plain_loop(index: Index, result: RetrievalResult) -> None:
    reachable = 0
    kept, spent, full = {5: 0, 8: 0}, {5: 0, 8: 0}, 0
    for question in ASKED:
        hits: list[Hit] = search(index, question.question, 3)
        full += sum(index.embedder.lengths([hit.chunk.text for hit in hits]))
        there = has([hit.chunk.text for hit in hits], question)
        reachable += there
        for most in (5, 8):
            texts = [bullet.text for bullet in compress(index, question.question, hits, most)]
            spent[most] += sum(index.embedder.lengths(texts))
            kept[most] += there and has(texts, question)
    assert 0 < reachable < len(ASKED)
    assert result.bullets_kept_5 == pytest.approx(kept[5] / reachable)
    assert result.bullets_kept_8 == pytest.approx(kept[8] / reachable)
    assert result.token_reduction_5 == pytest.approx(1 - spent[5] / full)
    assert result.token_reduction_8 == pytest.approx(1 - spent[8] / full)


def test_fewer_bullets_keep_fewer_answers_and_more_tokens_away() -> None:
    long = measure(DOCUMENTS, QUESTIONS)
    assert long.bullets_kept_5 <= long.bullets_kept_8 <= 1
    assert 0 < long.token_reduction_8 < long.token_reduction_5 < 1
    assert (long.r3, long.documents) == (1.0, len(DOCUMENTS))


def test_only_answerable_questions_that_name_their_document_count(result: RetrievalResult) -> None:
    assert (result.questions, result.documents) == (len(ASKED), len(PARAGRAPHS))
    nameless = [replace(question, document=None) for question in QUESTIONS]
    again = measure(PARAGRAPHS, [*nameless, *UNANSWERABLE, *ASKED])
    assert astuple(again)[:-1] == pytest.approx(astuple(result)[:-1])
    for none in ([], nameless, list(UNANSWERABLE)):
        with pytest.raises(DataError, match="No question names the paragraph or document"):
            measure(PARAGRAPHS, none)


def test_what_is_never_reached_gives_zeros_and_no_error() -> None:
    only = measure(PARAGRAPHS, [MISLED])
    assert (only.r5, only.bullets_kept_5, only.bullets_kept_8) == (0.0, 0.0, 0.0)
    lost = measure(PARAGRAPHS, [LOST])
    assert (lost.ndcg10, lost.mrr, lost.r5) == (0.0, 0.0, 0.0)
    assert lost.bullets_kept_5 == 1.0, "its answer is reached, if not in the paragraph it names"


def test_progress_counts_the_questions() -> None:
    said: list[Any] = []
    measure(DOCUMENTS[:1], QUESTIONS[:2], said.append)
    assert [one for one in said if one.stage == "measure"] == [
        Progress("measure", done, 2, "questions") for done in (1, 2)
    ]
