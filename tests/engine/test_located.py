"""The sentence that answers a person's own question: by offset, by passage, or because it is the only one."""

from typing import Any

import pytest

from engine.data.located import located
from engine.data.records import Question
from tests.corpus import DOCUMENTS, QUESTIONS

TEXTS = {document.id: document.text for document in DOCUMENTS}
HALL = "Asaph Hall found both of them in August 1877."
MIRROR = "Astronauts corrected the mirror in December 1993."


def asked(answer: str, document: str | None, evidence: str = "", start: int = -1) -> Question:
    starts = (start,) if start >= 0 else ()
    return Question("q", "What is it?", (answer,), document, evidence, split="train", starts=starts)


@pytest.mark.parametrize(
    ("question", "evidence"),
    [
        (asked("Asaph Hall", "mars"), HALL),
        (asked("asaph hall", "mars", TEXTS["mars"]), HALL),
        (asked("Asaph Hall", "mars", HALL), HALL),
        (asked("mirror", "hubble", start=TEXTS["hubble"].rindex("mirror")), MIRROR),
        (asked("the mirror", "hubble", f"{MIRROR} The telescope is named after"), MIRROR),
        (asked("mirror", "hubble"), None),
        (asked("Asaph Hall", "titan"), None),
        (asked("Asaph Hall", None), None),
        (asked("Galileo", "mars"), None),
    ],
)
def test_evidence_is_found_where_it_can_be_told(
    question: Question, evidence: str | None, corpus_index: Any
) -> None:
    found = located([question], corpus_index)
    assert [one.evidence for one in found] == ([] if evidence is None else [evidence])


def test_written_questions_and_those_without_an_answer_stay_as_they_are(corpus_index: Any) -> None:
    nothing = Question("u", "Who paid for it?", (), kind="unanswerable")
    known = tuple(question for question in QUESTIONS if question.answers)
    assert located((*known, nothing), corpus_index) == (*known, nothing)
