"""Whether a question was written before: word for word, or nearly so for the same answer. Knows no writer."""

from typing import Any

from engine.evaluation.metrics import normalize

ALIKE = 0.9  # cosine from which two questions with one answer are the same question


class Seen:
    """The questions that were kept so far."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._vectors: dict[str, list[Any]] = {}

    def holds(self, question: str, answer: str, vector: Any, *, near: bool = True) -> bool:
        """Whether `question` (its unit vector beside it) is one of them, or nearly one with the same
        `answer`; a rewording is near by nature and compared with `near` off."""
        if question.casefold() in self._texts:
            return True
        same = self._vectors.get(normalize(answer), ()) if near else ()
        return any(float(vector @ other) > ALIKE for other in same)

    def add(self, question: str, answer: str, vector: Any) -> None:
        """Keep one."""
        self._texts.add(question.casefold())
        self._vectors.setdefault(normalize(answer), []).append(vector)
