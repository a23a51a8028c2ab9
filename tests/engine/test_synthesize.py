"""Questions written from a few documents: each kept one went round and back, each dropped one is counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from engine.data.records import Question
from engine.data.synthesize import (
    ALIKE,
    GIVES_AWAY,
    KEPT,
    KNOWN,
    NOT_A_QUESTION,
    NOT_FOUND,
    NOT_READ,
    REPEATED,
    Synthesis,
    synthesize,
)
from engine.data.tally import told
from engine.evaluation.metrics import accuracy, f1
from engine.progress import Metric, Progress
from engine.retrieval.index import build
from engine.retrieval.search import search
from tests.corpus import DOCUMENTS, QUESTIONS

REASONS = {KEPT, NOT_A_QUESTION, GIVES_AWAY, NOT_FOUND, NOT_READ, KNOWN, REPEATED}
WRITTEN = DOCUMENTS[:2]


@pytest.fixture(scope="module")
def index() -> Any:
    return build(WRITTEN, size=64)


@pytest.fixture(scope="module")
def reports() -> list[Any]:
    return []


@pytest.fixture(scope="module")
def made(index: Any, small: Any, reader: Any, reports: list[Any]) -> Synthesis:
    return synthesize(index, small, reader, rewordings=2, seconds=600, report=reports.append)


def written(found: Synthesis) -> Sequence[Question]:
    return found.questions[: found.counts[KEPT]]


def test_the_counts_add_up_to_what_was_written(made: Synthesis, reports: list[Any]) -> None:
    assert made.counts.keys() | made.reworded.keys() <= REASONS
    last = [said for said in reports if getattr(said, "stage", "") == "write questions"][-1]
    assert last.note == f"{sum(made.counts.values())} written"
    assert told({one.name: one.value for one in reports if isinstance(one, Metric)}) == made.counts
    assert sum(made.counts.values()) > made.counts[KEPT] > 5
    assert sum(made.reworded.values()) == 2 * made.counts[KEPT]
    assert len(made.questions) == made.counts[KEPT] + made.reworded.get(KEPT, 0)
    assert made.reworded.get(KEPT, 0) > 0
    assert made.seconds > 0


def test_a_kept_answer_stands_in_its_evidence_and_that_in_its_document(made: Synthesis) -> None:
    texts = {document.id: document.text for document in WRITTEN}
    for question in made.questions:
        (answer,) = question.answers
        assert answer in question.evidence
        assert question.evidence in texts[question.document]
        assert not question.evidence.startswith("#")
        assert question.split == "train"


def test_a_kept_question_asks_and_does_not_tell(made: Synthesis) -> None:
    asked = [question.question for question in made.questions]
    assert all(text.endswith("?") and len(text.split()) >= 4 for text in asked)
    assert not any(accuracy(question.question, question.answers) for question in made.questions)
    assert len({text.lower() for text in asked}) == len(asked)
    assert [question.id for question in made.questions] == [
        f"synthetic-{n:05d}" for n in range(1, len(asked) + 1)
    ]


def test_a_kept_question_finds_its_source_and_the_reader_its_answer(
    made: Synthesis, index: Any, reader: Any
) -> None:
    for question in written(made):
        found = search(index, question.question, 3)
        assert any(question.evidence in hit.chunk.text for hit in found)
    texts = [_around(index, question) for question in made.questions]
    back = reader.read([question.question for question in made.questions], texts)
    for question, found in zip(made.questions, back, strict=True):
        assert f1(found.text, question.answers) >= 0.7
        assert found.none <= 0.3 + 1e-4


def _around(index: Any, question: Question) -> str:
    """The sentence with two before and two after it in its chunk, without headings."""
    for chunk in index.chunks:
        texts = [sentence.text for sentence in chunk.sentences]
        if question.evidence in texts:
            place = texts.index(question.evidence)
            return " ".join(t for t in texts[max(0, place - 2) : place + 3] if not t.startswith("#"))
    raise AssertionError(f"no chunk has {question.evidence!r}")


def test_rewordings_ask_for_the_same_in_other_words(made: Synthesis) -> None:
    originals = {(q.answers, q.evidence, q.kind): q.question for q in written(made)}
    reworded = made.questions[made.counts[KEPT] :]
    same = Counter(q.question == originals[(q.answers, q.evidence, q.kind)] for q in reworded)
    assert same == {False: len(reworded)}


def test_the_same_seed_writes_the_same_and_questions_like_the_avoided_ones_are_dropped(
    made: Synthesis, index: Any, small: Any, reader: Any
) -> None:
    """Without anything to avoid all is as before; with what was kept, that and what is like it is gone."""
    again = synthesize(index, small, reader, rewordings=0, seconds=600)
    assert again.questions == tuple(written(made))
    assert again.counts == made.counts
    assert again.reworded == {}
    avoid = [*written(made)[::2], *QUESTIONS]
    others = synthesize(index, small, reader, rewordings=0, seconds=600, avoid=avoid)
    assert others.counts[KNOWN] >= len(written(made)[::2])
    assert sum(others.counts.values()) == sum(made.counts.values())
    vectors = index.embedder.vectors([question.question for question in others.questions])
    known = index.embedder.vectors([question.question for question in avoid])
    assert others.questions
    assert (vectors @ known.T).max() <= ALIKE


def test_out_of_time_nothing_more_is_written(index: Any, small: Any, reader: Any) -> None:
    reports: list[Any] = []
    late = synthesize(index, small, reader, target=7, seconds=0, report=reports.append)
    assert (late.questions, late.counts, late.reworded) == ((), {}, {})
    assert reports[0] == Progress("write questions", 0, 7, "questions")
