"""Questions from a teacher: each kept one is answered by the sentences it cites, each dropped one has its
reason."""

import json
import re
from typing import Any

import pytest

from engine.data import compose as composing
from engine.data.compose import KINDS, compose
from engine.data.contamination import Held
from engine.data.records import Question
from engine.data.roundtrip import KNOWN, NOT_READ, REPEATED
from engine.data.sift import GIVES_AWAY, KEPT, NOT_A_QUESTION
from engine.data.teacher import Teacher, TeacherSpec
from engine.evaluation.metrics import holds_answer
from engine.inference.extract import Found
from engine.retrieval.index import build
from tests.corpus import DOCUMENTS
from tests.servers import serving


@pytest.fixture(scope="module")
def index() -> Any:
    return build(DOCUMENTS, size=48)


def passage(body: dict[str, Any]) -> list[str]:
    return re.findall(r"^\[\d+\] (.+)$", body["messages"][1]["content"], re.M)


def asked_for(body: dict[str, Any]) -> str:
    return next(kind for kind, about in KINDS.items() if about in body["messages"][0]["content"])


def honest(body: dict[str, Any]) -> str:
    """A teacher that asks about the last words of the longest sentence, of the next to longest for another
    kind, and so on; and has no other words for it."""
    if not (sentences := passage(body)):
        return "I would say it just like that."
    by_length = sorted(range(len(sentences)), key=lambda n: -len(sentences[n]))
    number = by_length[list(KINDS).index(asked_for(body)) % len(sentences)]
    words = sentences[number].rstrip(".").split()
    nothing = asked_for(body) == "unanswerable"
    value = {
        "question": f"Asked for {asked_for(body)}: {' '.join(words[:-2])} what?",
        "answer": "" if nothing else " ".join(words[-2:]),
        "sentences": [] if nothing else [number + 1],
        "rationale": f"[{number + 1}] says so.",
    }
    return f"Here it is: {json.dumps(value)}"


def written(index: Any, answer: Any, **options: Any) -> Any:
    with serving(answer) as server:
        teacher = Teacher(TeacherSpec(base_url=server.url, model="tiny", repairs=0), None)
        return compose(index, teacher, **{"target": 100, **options})


def test_what_is_kept_is_answered_by_what_it_cites_and_negatives_do_not_answer(index: Any) -> None:
    made = written(index, honest)
    assert made.counts[KEPT] == len(made.rows) > 10
    assert {row.question.kind for row in made.rows} == set(KINDS)
    texts = {document.id: document.text for document in DOCUMENTS}
    for row in made.rows:
        for document, start, end in row.provenance["chunks"]:
            assert 0 <= start < end <= len(texts[document])
        assert all(
            not holds_answer(text, row.question.answers) for text in row.negatives if row.question.answers
        )
        if row.question.kind == "unanswerable":
            assert not row.question.answers and not row.cited and row.question.document is None
        else:
            assert holds_answer(" ".join(row.cited), row.question.answers)
            assert (
                row.question.evidence in row.cited
                and row.question.evidence in texts[str(row.question.document)]
            )
    assert any(len(row.negatives) >= 2 for row in made.rows)
    assert all(len(row.provenance["chunks"]) == 2 for row in made.rows if row.question.kind == "two")


def altered(**changes: Any) -> Any:
    def answer(body: dict[str, Any]) -> str:
        value = json.loads(honest(body).split(": ", 1)[1])
        return json.dumps(value | changes)

    return answer


def telling(body: dict[str, Any]) -> str:
    value = json.loads(honest(body).split(": ", 1)[1])
    return json.dumps(value | {"question": f"Does it say {value['answer']} or not?"})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda body: "I would rather write a poem.", composing.NO_JSON),
        (altered(question="Tell me more about it"), NOT_A_QUESTION),
        (altered(answer="Napoleon Bonaparte"), composing.NOT_IN_SOURCE),
        (altered(sentences=[]), composing.UNCITED),
        (altered(sentences=[99]), composing.UNCITED),
        (telling, GIVES_AWAY),
    ],
)
def test_what_fails_a_check_is_dropped_with_its_reason(index: Any, answer: Any, reason: str) -> None:
    made = written(index, answer, kinds=("fact",))
    assert not made.rows and set(made.counts) == {reason}
    assert {one.reason for one in made.dropped} == {reason} - {composing.NO_JSON}
    assert all(one.question and one.sentence for one in made.dropped)


class Doubter:
    """A reader that finds an answer everywhere, and never the one that was meant."""

    def read(self, questions: Any, contexts: Any, **_: Any) -> list[Found]:
        return [Found("something else", 0, 5, 0.9, 0.05) for _ in questions]


def test_a_reader_drops_what_it_does_not_answer_back(index: Any) -> None:
    made = written(index, honest, kinds=("fact", "unanswerable"), reader=Doubter())
    assert not made.rows and set(made.counts) == {NOT_READ, composing.ANSWERED}


def test_questions_like_those_of_an_evaluation_are_dropped_and_the_target_is_kept_to(index: Any) -> None:
    made = written(index, honest, kinds=("fact",), target=2)
    assert len(made.rows) == made.counts[KEPT] == 2
    again = written(
        index, honest, kinds=("fact",), avoid=[Question("x", row.question.question) for row in made.rows]
    )
    assert again.counts[KNOWN] >= 2
    assert not {row.question.question for row in made.rows} & {row.question.question for row in again.rows}


def insisting(body: dict[str, Any]) -> str:
    """Asked for a number it asks what it asked for a fact, in nearly the same words."""
    system, user = body["messages"]
    fact = honest(
        {"messages": [{"content": system["content"].replace(KINDS["number"], KINDS["fact"])}, user]}
    )
    return fact.replace("Asked for fact", "Asked for a fact") if asked_for(body) == "number" else fact


def test_nearly_the_same_question_with_the_same_answer_is_kept_once(index: Any) -> None:
    made = written(index, insisting, kinds=("fact", "number"), rewordings=0)
    assert made.counts == {KEPT: len(made.rows), REPEATED: len(made.rows)}
    asked = {row.question.answers: row.question.kind for row in made.rows}
    assert len(asked) == len(made.rows) and set(asked.values()) == {"fact", "number"}


LONG_ONE = "Which of the two moons that Asaph Hall found in the summer of 1877 is the larger one?"


def test_a_long_run_of_an_evaluation_questions_words_is_a_leak(index: Any) -> None:
    tested = Question("t", f"Before you answer, think: {LONG_ONE}")
    held = Held([tested, Question("u", "What is Io?")], index.embedder, alike=1.1)
    vectors = index.embedder.vectors([LONG_ONE, "what  is IO", "What is Europa?"])
    found = [
        held.leaks(text, vector)
        for text, vector in zip((LONG_ONE, "what  is IO", "What is Europa?"), vectors, strict=True)
    ]
    assert found == [True, True, False]
    assert not Held([], index.embedder).leaks(LONG_ONE, vectors[0])


def rewording(body: dict[str, Any]) -> str:
    """The honest teacher, who also has other words for a question: its own in another order."""
    system, user = (body["messages"][n]["content"] for n in (0, 1))
    if "other wording" not in system:
        return honest(body)
    question, answer = re.findall(r": (.+)", user)[0], user.rsplit("Answer: ", 1)[1]
    good = question.replace("Asked for", "I ask here for")
    return json.dumps({"questions": [good, f"Is it not {answer} that it says?"]})


def test_rewordings_are_checked_like_what_they_are_of_and_name_it(index: Any) -> None:
    made = written(index, rewording, kinds=("fact", "unanswerable"), rewordings=2)
    first = {row.question.id: row for row in made.rows if "reworded" not in row.provenance}
    again = [row for row in made.rows if "reworded" in row.provenance]
    answerable = [row for row in first.values() if row.question.answers]
    assert made.counts[KEPT] == len(first) and made.reworded[KEPT] == len(again) > 3
    assert made.reworded[GIVES_AWAY] == len(answerable)
    assert sum(made.reworded.values()) == 2 * len(answerable)
    for row in again:
        source = first[row.provenance["reworded"]]
        assert row.question.question != source.question.question
        assert (row.question.answers, row.cited) == (source.question.answers, source.cited)
    assert len({row.question.id for row in made.rows}) == len(made.rows)
    assert not written(index, rewording, kinds=("fact",), rewordings=0).reworded


def test_a_teacher_without_other_words_costs_no_question(index: Any) -> None:
    made = written(index, honest, kinds=("fact",))
    assert made.rows and set(made.reworded) == {composing.NO_JSON}


def test_a_teacher_that_answers_in_prose_is_not_paid_for_more_than_a_round(
    index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composing, "ROUND", 4)
    monkeypatch.setattr(composing, "ENOUGH", 8)
    with serving(lambda body: "I would love\nto help! But first, a poem.") as server:
        teacher = Teacher(TeacherSpec(base_url=server.url, model="tiny", repairs=0), None)
        made = compose(index, teacher, target=100)
        assert len(server.seen) == 8
    assert made.counts == {composing.NO_JSON: 8} and not made.rows
    assert made.unusable == "I would love to help! But first, a poem."
