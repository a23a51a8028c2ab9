"""Splits: every sort has its share, documents stay together, leaks are found, a frozen split is held to."""

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.contamination import leaks, refuse, without
from engine.data.records import Question
from engine.data.split import check_frozen, divide, frozen
from engine.errors import ConfigError, DataError

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}


def asked(count: int, documents: int = 10) -> list[Question]:
    return [
        Question(
            f"q{n}",
            f"Question {n}?",
            ("a",) if n % 4 else (),
            f"d{n % documents}",
            kind="when" if n % 3 else "why",
        )
        for n in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 300), st.integers(0, 3), st.randoms())
def test_every_kind_has_its_share_whatever_the_order(count: int, seed: int, random: Any) -> None:
    questions = asked(count)
    made = divide(questions, SHARES, "question", seed)
    assert [q.id for q in made] == [q.id for q in questions]
    groups = defaultdict(list)
    for question in made:
        groups[question.answerable, question.kind].append(question.split)
    for splits in groups.values():
        for name, share in SHARES.items():
            assert abs(splits.count(name) - share * len(splits)) <= 1
    shuffled = random.sample(questions, len(questions))
    assert set(divide(shuffled, SHARES, "question", seed)) == set(made)


@settings(max_examples=60, deadline=None)
@given(st.integers(80, 300), st.integers(8, 40), st.integers(0, 3))
def test_a_document_is_in_one_split_only(count: int, documents: int, seed: int) -> None:
    made = divide(asked(count, documents), SHARES, "document", seed)
    where = defaultdict(set)
    for question in made:
        where[question.document].add(question.split)
    assert all(len(splits) == 1 for splits in where.values())
    largest = max(Counter(q.document for q in made).values())
    for name, share in SHARES.items():
        assert abs(sum(q.split == name for q in made) - share * count) <= largest


def test_documents_are_dealt_out_so_that_every_split_has_its_share_of_each_kind() -> None:
    """Before: dealt by how many questions they have, so that a kind could be in one split only."""
    kinds = ("when", "why", "who")
    made = divide(
        [
            Question(f"q{d}-{n}", f"Question {d} {n}?", ("a",), f"d{d}", kind=kinds[d % 3])
            for d in range(30)
            for n in range(4 + d % 2)
        ],
        SHARES,
        "document",
    )
    for kind in kinds:
        splits = [question.split for question in made if question.kind == kind]
        for name, share in SHARES.items():
            assert abs(splits.count(name) - share * len(splits)) <= 5, (kind, name)


def test_another_seed_divides_otherwise_and_given_splits_can_stay() -> None:
    questions = asked(60)
    assert divide(questions, SHARES, seed=0) != divide(questions, SHARES, seed=1)
    some = [replace(question, split="test") for question in questions[:7]] + questions[7:]
    kept = divide(some, SHARES, keep=True)
    assert all(question.split == "test" for question in kept[:7])


@pytest.mark.parametrize(
    "shares", [{}, {"exam": 1.0}, {"train": 0.8, "test": 0.4}, {"train": -0.1, "test": 1.0}]
)
def test_shares_that_make_no_sense(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        divide(asked(10), shares)


def test_too_few_documents_for_a_split_is_one_sentence() -> None:
    with pytest.raises(DataError, match="too few for the split"):
        divide(asked(20, 2), SHARES, "document")


def test_a_frozen_split_is_held_to() -> None:
    made = divide(asked(60), SHARES)
    marks = frozen(made)
    check_frozen(marks, tuple(reversed(made)))
    changed = [replace(q, answers=("other",)) if q.split == "test" else q for q in made]
    with pytest.raises(DataError, match="'test' is not the one that was frozen"):
        check_frozen(marks, changed)
    check_frozen({"dev": marks["dev"]}, changed)


# Leaks

LONG = "Which of the two engineers who built the old harbour of Velden in 1874 also built its lighthouse"


class Pretended:
    """An embedder that puts paraphrases marked by the same last word at the same place."""

    def vectors(self, texts: list[str]) -> Any:
        import numpy as np

        rows = np.zeros((len(texts), 3), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = {"moon?": (1, 0, 0), "mars?": (0, 1, 0)}.get(text.split()[-1], (0, 0, 0))
        return rows


def q(identity: str, question: str) -> Question:
    return Question(identity, question, ("a",))


def test_the_same_words_a_long_run_and_the_same_meaning_are_found() -> None:
    trained = [q("t1", "Who was first?"), q("t2", LONG + "?"), q("t3", "Who flew to the moon?")]
    tested = [
        q("s1", "who WAS first"),
        q("s2", f"Tell me: {LONG} or not?"),
        q("s3", "Which man reached the moon?"),
        q("s4", "Who went to mars?"),
        q("s5", " ".join(LONG.split()[:12]) + " other words follow here?"),
    ]
    found = leaks(trained, tested, Pretended())
    assert [(leak.tested, leak.trained, leak.how) for leak in found] == [
        ("s1", "t1", "same"),
        ("s2", "t2", "13-gram"),
        ("s3", "t3", "alike"),
    ]
    assert [leak.tested for leak in leaks(trained, tested)] == ["s1", "s2"]
    assert without(trained, found) == ()
    assert leaks([], tested, Pretended()) == []
    more = [*trained, q("t4", "Who was FIRST?"), q("t5", "Which woman reached the moon?")]
    assert without(more, leaks(more, tested, Pretended())) == ()  # each that leaks, not the first of them


def test_a_paraphrase_is_found_by_the_real_embedder(embedder: Any) -> None:
    trained = [q("t", "Who was the first person to walk on the Moon?")]
    tested = [q("a", "Who was the first human to walk on the Moon?"), q("b", "How high is Olympus Mons?")]
    assert [leak.tested for leak in leaks(trained, tested, embedder, 0.9)] == ["a"]


def test_a_test_question_that_was_trained_on_is_refused() -> None:
    refuse([q("t", "Who?")], [q("s", "What?")])
    with pytest.raises(
        DataError, match=r"1 of 2 test questions were trained on, such as 's' \(trained on as 't'\)"
    ):
        refuse([q("t", "Who was first?")], [q("s", "Who was first ?"), q("u", "What?")])
