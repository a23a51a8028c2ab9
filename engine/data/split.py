"""Divides questions into dev and test. Knows no files."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from engine.data.records import Question


def split_questions(questions: Iterable[Question], seed: int = 0) -> tuple[Question, ...]:
    """Give each question without a split one: a third dev, the rest test, answerable and unanswerable each
    for itself.

    A given split stays. Which ones become dev hangs on ids and seed only, never on the order of the rows.
    """
    questions = tuple(questions)
    dev: set[str] = set()
    for answerable in (True, False):
        ids = [q.id for q in questions if not q.split and q.answerable == answerable]
        ids.sort(key=lambda identity: sha256(f"{seed}:{identity}".encode()).digest())
        dev.update(ids[: round(len(ids) / 3)])
    return tuple(q if q.split else replace(q, split="dev" if q.id in dev else "test") for q in questions)
