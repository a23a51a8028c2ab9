"""What is trained on is what will be served, token for token, and what is withheld holds no answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.records import Question
from engine.evaluation.metrics import accuracy
from engine.inference import local
from engine.inference.extract import Found
from engine.inference.orchestrator import AnswerSpec, Compressed, Parts, answer, answer_many
from engine.inference.prompt import REFUSAL, answer_messages, completion_ids, parse, prompt_ids
from engine.inference.trace import Bullet
from engine.progress import Progress
from engine.training.examples import (
    AS_SERVED,
    CHEAP,
    CLOSED,
    FOCUSED,
    GROUNDED,
    WITHHELD,
    Mixture,
    Row,
    holds,
    rows,
    usual_mixture,
)
from tests.corpus import NOTHING_LIKE_IT, QUESTIONS

NONE = {"joint": 0.0, "withheld": 0.0, "closed_book": 0.0}
ALL = {"joint": 1.0, "withheld": 1.0, "closed_book": 1.0}


def made(small: Any, index: Any, questions: Sequence[Question] = QUESTIONS, **options: Any) -> list[Row]:
    shares = {name: options.pop(name) for name in Mixture._fields if name in options}
    mixture = CHEAP._replace(noised=0.0)._replace(**shares)
    return rows(questions, index, small.tokenizer, mixture=mixture, **options)


def of(kind: str, found: Sequence[Row]) -> list[Row]:
    return [row for row in found if row.kind == kind]


def evidence(small: Any, row: Row) -> list[str]:
    """The bullets in a row's prompt, without their numbers."""
    lines = small.tokenizer.decode(row.prompt).split("\n")
    shown = [line for line in lines if line.startswith("[")]
    assert [line.split()[0] for line in shown] == [f"[{number}]" for number in range(1, len(shown) + 1)]
    return [line.split(" ", 1)[1] for line in shown]


def served(small: Any, index: Any, question: str, **options: Any) -> list[Bullet]:
    """The bullets that an answer gets."""
    events = answer(Parts(small, index), question, AnswerSpec(**options))
    return list(next(event.bullets for event in events if isinstance(event, Compressed)))


def given_to_the_model(
    monkeypatch: pytest.MonkeyPatch, parts: Parts, question: str, spec: AnswerSpec
) -> list[list[int]]:
    prompts: list[list[int]] = []
    stream = local.stream

    def recorded(loaded: Any, asked: list[int], **options: Any) -> Any:
        prompts.append(list(asked))
        return stream(loaded, asked, **options)

    with monkeypatch.context() as patch:
        patch.setattr(local, "stream", recorded)
        answer_many(parts, [question], spec)
    return prompts


class Points:
    """A reader that agrees with nobody and sees the answer in the bullet with these words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def read(self, questions: Sequence[str], contexts: Sequence[str], **_: Any) -> list[Found]:
        starts = [context.index(self.words) for context in contexts]
        return [Found("nobody", at, at + 1, 1.0, 0.0, ((at, 1.0),)) for at in starts]


@pytest.mark.parametrize(("k", "bullets"), [(3, 6), (2, 4)])
def test_rows_are_the_prompts_that_the_orchestrator_serves(
    small: Any, corpus_index: Any, monkeypatch: pytest.MonkeyPatch, k: int, bullets: int
) -> None:
    for question in QUESTIONS:
        found = made(small, corpus_index, [question], k=k, bullets=bullets, **(ALL | {"withheld": 0.0}))
        parts = Parts(small, corpus_index, Points(question.evidence))  # type: ignore[arg-type]
        spec = AnswerSpec(k=k, bullets=bullets)
        joint, focused = given_to_the_model(monkeypatch, parts, question.question, spec)
        (closed,) = given_to_the_model(monkeypatch, parts, question.question, AnswerSpec(evidence=False))
        assert {row.kind: row.prompt for row in found} == {GROUNDED: joint, FOCUSED: focused, CLOSED: closed}


def test_a_completion_is_what_an_answer_to_its_prompt_must_be(small: Any, corpus_index: Any) -> None:
    by_evidence = {question.evidence: question for question in QUESTIONS}
    for row in made(small, corpus_index, **ALL):
        text = small.tokenizer.decode(row.completion, skip_special_tokens=True)
        bullets = evidence(small, row)
        said = parse(text, len(bullets))
        if row.kind == WITHHELD:
            assert said.refused
            assert row.completion == completion_ids(small.tokenizer, REFUSAL)
        elif row.kind == CLOSED:
            assert (bullets, said.citations) == ([], ())
            assert said.text in {question.answers[0] for question in QUESTIONS}
        else:
            (cited,) = said.citations
            assert said.text == by_evidence[bullets[cited - 1]].answers[0]
        assert row.length == len(row.prompt) + len(row.completion)


def test_withheld_rows_hold_no_answer_and_nothing_but_what_was_served(small: Any, corpus_index: Any) -> None:
    sizes = Counter()
    for question in QUESTIONS:
        wanted = [bullet.text for bullet in served(small, corpus_index, question.question)]
        free = [text for text in wanted if text != question.evidence and not accuracy(text, question.answers)]
        for seed in range(4):
            options = NONE | {"withheld": 1.0, "seed": seed}
            (row,) = of(WITHHELD, made(small, corpus_index, [question], **options))
            shown = evidence(small, row)
            assert len(shown) == 1 or shown == free
            assert set(shown) <= set(free)
            sizes[len(shown) == 1] += 1
    assert min(sizes.values()) >= 4, "half over one bullet, half over all"


def test_one_withheld_bullet_is_the_best_of_those_without_the_answer(small: Any, corpus_index: Any) -> None:
    for question in QUESTIONS[:3]:
        bullets = served(small, corpus_index, question.question)
        best = max((b for b in bullets if not holds(b.text, question)), key=lambda bullet: bullet.score)
        found = [
            made(small, corpus_index, [question], **(NONE | {"withheld": 1.0}), seed=seed)
            for seed in range(6)
        ]
        shown = [evidence(small, row) for each in found for row in of(WITHHELD, each)]
        assert [best.text] in shown
        assert all(one == [best.text] for one in shown if len(one) == 1)


def test_evidence_that_was_not_found_takes_the_place_of_the_weakest_bullet(
    small: Any, corpus_index: Any
) -> None:
    """A question on Mars whose answer is said to stand in an article that its words do not find."""
    lost = replace(QUESTIONS[3], answers=("Christiaan Huygens",), evidence=QUESTIONS[6].evidence)
    bullets = served(small, corpus_index, lost.question, k=1)
    assert lost.evidence not in [bullet.text for bullet in bullets]
    weakest = min(bullets, key=lambda bullet: bullet.score)
    places = set()
    for seed in range(8):
        options = NONE | {"joint": 1.0, "seed": seed, "k": 1}
        (row,) = of(GROUNDED, made(small, corpus_index, [lost], **options))
        shown = evidence(small, row)
        place = shown.index(lost.evidence)
        left = shown[:place] + shown[place + 1 :]
        assert left == [bullet.text for bullet in bullets if bullet is not weakest]
        said = completion_ids(small.tokenizer, f"Christiaan Huygens [{place + 1}]")
        assert row.completion == said
        places.add(place)
    assert len(places) > 2, "the evidence stands anywhere"


def test_where_nothing_was_found_the_evidence_stands_alone(small: Any, corpus_index: Any) -> None:
    lost = replace(QUESTIONS[0], question=NOTHING_LIKE_IT)
    assert served(small, corpus_index, NOTHING_LIKE_IT) == []
    found = made(small, corpus_index, [lost], **ALL)
    assert Counter(row.kind for row in found) == {FOCUSED: 1, GROUNDED: 1, CLOSED: 1}
    alone = prompt_ids(small.tokenizer, answer_messages(NOTHING_LIKE_IT, [lost.evidence]))
    assert [row.prompt for row in of(GROUNDED, found)] == [alone]


def test_the_shares_say_how_many_rows_of_a_kind_there_are(small: Any, corpus_index: Any) -> None:
    count = len(QUESTIONS)
    assert Counter(row.kind for row in made(small, corpus_index, **NONE)) == {FOCUSED: count}
    everything = Counter(row.kind for row in made(small, corpus_index, **ALL))
    assert everything == {FOCUSED: count, GROUNDED: count, WITHHELD: count, CLOSED: count}
    often = QUESTIONS * 12
    shares = {"joint": 0.25, "withheld": 0.5, "closed_book": 0.75}
    some = Counter(row.kind for row in made(small, corpus_index, often, **shares))
    for kind, share in zip((GROUNDED, WITHHELD, CLOSED), shares.values(), strict=True):
        assert abs(some[kind] - share * len(often)) < 25, kind


def test_a_model_that_learns_the_task_sees_most_evidence_as_it_is_served(
    small: Any, corpus_index: Any
) -> None:
    """Rows of one bullet always cite [1]: where they outnumbered the others, SmolLM2 cited [1] whatever it
    read (citation precision 60 instead of 81)."""
    assert (usual_mixture(8.5), usual_mixture(135), usual_mixture(0)) == (CHEAP, AS_SERVED, AS_SERVED)
    found = made(small, corpus_index, QUESTIONS * 12, **AS_SERVED._replace(noised=0.0)._asdict())
    counts = Counter(row.kind for row in found)
    assert 12 * len(QUESTIONS) > counts[GROUNDED] > 2 * counts[FOCUSED]
    assert counts[CLOSED] < counts[GROUNDED] / 4
    assert 0 < counts[FOCUSED] < counts[GROUNDED] / 2


def test_a_share_of_the_questions_is_asked_again_in_near_words(small: Any, corpus_index: Any) -> None:
    """With the same answers over what is retrieved for the near words, or the evidence itself."""
    own = Counter(small.tokenizer.decode(row.completion) for row in made(small, corpus_index, **ALL))
    both = made(small, corpus_index, **ALL, noised=1.0)
    closed = [row for row in both if row.kind == CLOSED]
    assert len(closed) == 2 * len(QUESTIONS) > len({tuple(row.prompt) for row in closed}) / 2
    assert len({tuple(row.prompt) for row in closed}) > len(QUESTIONS)
    assert {small.tokenizer.decode(row.completion) for row in both} <= own.keys() | {
        small.tokenizer.decode(row.completion) for row in both if row.kind == GROUNDED
    }
    again = made(small, corpus_index, **ALL, noised=1.0)
    assert [row.prompt for row in again] == [row.prompt for row in both]


def test_a_question_that_has_no_answer_is_one_refusal_over_what_is_served(
    small: Any, corpus_index: Any
) -> None:
    nothing = Question("u", "Who paid for the shuttle Discovery?", (), kind="unanswerable")
    (row,) = made(small, corpus_index, (nothing,), **ALL)
    assert row.kind == WITHHELD and parse(small.tokenizer.decode(row.completion), 8).refused
    assert evidence(small, row) == [b.text for b in served(small, corpus_index, nothing.question)]
    mixed = made(small, corpus_index, (*QUESTIONS, nothing), **ALL)
    assert len(mixed) == len(made(small, corpus_index, **ALL)) + 1
    assert made(small, corpus_index, (nothing,), withheld=0.0) == []


def test_the_same_seed_gives_the_same_rows_and_another_one_others(small: Any, corpus_index: Any) -> None:
    first, again, other = (made(small, corpus_index, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    everything = [made(small, corpus_index, **(ALL | {"withheld": 0.0}), seed=seed) for seed in (5, 6)]
    assert everything[0] != everything[1], "the order is shuffled"
    assert sorted(map(repr, everything[0])) == sorted(map(repr, everything[1]))


def test_no_questions_give_no_rows_and_progress_counts_questions(small: Any, corpus_index: Any) -> None:
    assert made(small, corpus_index, []) == []
    said: list[Any] = []
    made(small, corpus_index, QUESTIONS[:2], report=said.append)
    assert said == [Progress("rows", done, 2, "questions") for done in range(3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The art of it", True),
        ("A part of it", False),
        ("ART!", True),
        ("It was made in 1969.", True),
        ("It was made in 19690.", False),
        ("The evidence itself", True),
        ("", False),
    ],
)
def test_an_answer_is_held_as_whole_words(text: str, expected: bool) -> None:
    question = Question("q", "?", ("art", "1969"), evidence="The evidence itself")
    assert holds(text, question) is expected


words = st.lists(st.sampled_from(["art", "part", "the", "of", "1969", "Art."]), max_size=6).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(words, st.sampled_from(["art", "part of", "1969", "of art"]))
def test_what_holds_an_answer_is_what_accuracy_finds(text: str, gold: str) -> None:
    assert holds(text, Question("q", "?", (gold,), evidence="elsewhere")) == bool(accuracy(text, [gold]))
