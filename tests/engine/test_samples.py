"""The sample corpora keep the rules they were written under: sizes, evidence that stands in its document,
questions in other words."""

import re

import pytest

from engine.data.load import SAMPLES, samples
from engine.data.records import Corpus
from engine.evaluation.metrics import normalize
from engine.retrieval.words import words

RULES = {"space": (36, 250, 500, 260), "handbook": (20, 300, 700, 80)}
KINDS = {"who", "what", "when", "where", "how many", "how long", "why"}


@pytest.fixture(scope="module", params=sorted(RULES))
def sample(request: pytest.FixtureRequest) -> tuple[str, Corpus]:
    return request.param, samples(request.param)


def test_there_are_enough_documents_of_the_right_length(sample: tuple[str, Corpus]) -> None:
    name, corpus = sample
    least, short, long, _ = RULES[name]
    assert len(corpus.documents) >= least
    assert not corpus.rejected
    lengths = {document.id: len(document.text.split()) for document in corpus.documents}
    assert {key: count for key, count in lengths.items() if not short <= count <= long} == {}


def test_there_are_enough_questions_of_every_kind_and_a_seventh_has_no_answer(
    sample: tuple[str, Corpus],
) -> None:
    name, corpus = sample
    assert len(corpus.questions) >= RULES[name][3]
    assert {question.kind for question in corpus.questions if question.answerable} == KINDS
    unanswerable = sum(not question.answerable for question in corpus.questions)
    assert 0.14 <= unanswerable / len(corpus.questions) <= 0.17
    for split in ("dev", "test"):
        chosen = [question for question in corpus.questions if question.split == split]
        assert 0.1 <= sum(not question.answerable for question in chosen) / len(chosen) <= 0.2


def test_every_evidence_sentence_stands_in_its_document_and_holds_the_answer(
    sample: tuple[str, Corpus],
) -> None:
    texts = {document.id: document.text for document in sample[1].documents}
    for question in sample[1].questions:
        assert question.document in texts, question.id
        if question.answerable:
            assert question.evidence in texts[str(question.document)], question.id
            assert question.answers[0] in question.evidence, question.id


def test_no_question_is_asked_twice_and_none_gives_its_answer_away(sample: tuple[str, Corpus]) -> None:
    asked = [normalize(question.question) for question in sample[1].questions]
    assert len(set(asked)) == len(asked)
    for question in sample[1].questions:
        if question.answerable:
            assert f" {normalize(question.answers[0])} " not in f" {normalize(question.question)} ", (
                question.id
            )


def test_questions_are_in_other_words_than_the_text(sample: tuple[str, Corpus]) -> None:
    shares = []
    for question in sample[1].questions:
        asked = set(words(question.question))
        if question.answerable and asked:
            shares.append(len(asked & set(words(question.evidence))) / len(asked))
    assert sum(shares) / len(shares) <= 0.45


def test_no_form_of_question_floods_the_set(sample: tuple[str, Corpus]) -> None:
    openings = [
        " ".join(re.findall(r"\w+", question.question.lower())[:4]) for question in sample[1].questions
    ]
    most = max(openings.count(opening) for opening in set(openings))
    assert most <= 0.05 * len(openings)


def test_reports_beside_the_handbook_are_no_part_of_it() -> None:
    folder = SAMPLES["handbook"]
    assert list((folder / "reports").glob("*.md"))
    assert len(samples("handbook").documents) == len(list(folder.glob("*.md")))
