"""Whether questions to test with were seen in training: the same words, a long run of the same words, or
nearly the same meaning.

Runs of 13 words are what GPT-3's authors counted (Brown and others 2020, appendix C). Knows no file and no
trainer.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.data.records import Question
from engine.errors import DataError

RUN = 13
# Cosine between questions that people wrote: of COVID-QA's 46 pairs of different words from 0.95 on, 37 ask
# the same, of its 24 from 0.93 to 0.95, 11. Too like to train on, not sure enough to refuse by.
ALIKE = 0.95
LIKE = 0.9  # cosine from which a written question is too like one to test with
_WORD = re.compile(r"\w+")


class Leak(NamedTuple):
    """A tested question, one trained on that is like it, and how: "same", "13-gram" or "alike" (cosine)."""

    tested: str
    trained: str
    how: str
    similarity: float


def leaks(
    trained: Sequence[Question], tested: Sequence[Question], embedder: Any = None, alike: float = ALIKE
) -> list[Leak]:
    """Every trained question that is like a tested one, with that one, by the surest sign. Without an
    embedder only words are compared. Source sentences are not compared: train and test may well ask about the
    same documents."""
    same = {_plain(question.question): question.id for question in reversed(tested)}
    runs: dict[tuple[str, ...], str] = {}
    for question in tested:
        for run in _runs(question.question):
            runs.setdefault(run, question.id)
    found: dict[str, Leak] = {}
    for question in trained:
        if (other := same.get(_plain(question.question))) is not None:
            found[question.id] = Leak(other, question.id, "same", 1.0)
        elif (hit := next((runs[run] for run in _runs(question.question) if run in runs), None)) is not None:
            found[question.id] = Leak(hit, question.id, "13-gram", 1.0)
    left = [question for question in trained if question.id not in found]
    if embedder is not None and left and tested:
        kept = embedder.vectors([question.question for question in tested])
        for start in range(0, len(left), 512):
            part = left[start : start + 512]
            cosines = embedder.vectors([question.question for question in part]) @ kept.T
            for question, row in zip(part, cosines, strict=True):
                best = int(row.argmax())
                if float(row[best]) >= alike:
                    close = round(float(row[best]), 3)
                    found[question.id] = Leak(tested[best].id, question.id, "alike", close)
    return [found[question.id] for question in trained if question.id in found]


class Held:
    """Questions kept for testing, and whether one that is to be trained on is like any of them."""

    def __init__(self, tested: Sequence[Question], embedder: Any, alike: float = LIKE) -> None:
        self.alike = alike
        self._same = {_plain(question.question) for question in tested}
        self._runs = {run for question in tested for run in _runs(question.question)}
        self._vectors = embedder.vectors([question.question for question in tested])

    def leaks(self, question: str, vector: Any) -> bool:
        """Whether `question` (its unit vector beside it) has the words of one, a run of RUN of them, or
        nearly its meaning."""
        if _plain(question) in self._same or any(run in self._runs for run in _runs(question)):
            return True
        return len(self._vectors) > 0 and float((self._vectors @ vector).max()) > self.alike


def refuse(trained: Sequence[Question], tested: Sequence[Question]) -> None:
    """Raise DataError when a tested question was trained on word for word: its numbers would mean nothing."""
    same = {_plain(question.question): question.id for question in trained}
    hits = [(q.id, same[_plain(q.question)]) for q in tested if _plain(q.question) in same]
    if hits:
        raise DataError(
            f"{len(hits)} of {len(tested)} test questions were trained on, such as {hits[0][0]!r} (trained "
            f"on as {hits[0][1]!r}): divide the questions again, or train without them."
        )


def without(trained: Sequence[Question], found: Sequence[Leak]) -> tuple[Question, ...]:
    """The trained questions that no tested one leaks from."""
    bad = {leak.trained for leak in found}
    return tuple(question for question in trained if question.id not in bad)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))


def _runs(text: str) -> list[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return [tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)]
