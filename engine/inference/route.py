"""Before any model is asked: is the first tier worth trying, or should the next one start?

A router sees the question and what was found for it, no draft (RouteLLM, Ong and others 2024,
arXiv:2406.18665).
Its features are parts 0..1, so that the same calibration fits it. Knows no model.
"""

import re
from collections.abc import Sequence

from engine.inference.belief import Calibration
from engine.inference.case import Case
from engine.inference.trace import Bullet
from engine.retrieval.words import words

_KINDS = {
    "when": r"\bwhen\b|\bwhat year\b",
    "who": r"\bwho\b",
    "count": r"\bhow (many|much)\b",
    "why": r"\bwhy\b|\bhow (do|does|did|can)\b",
}


def features(case: Case) -> dict[str, float]:
    """What is seen of a case before any tier is asked."""
    return seen(case.question, case.bullets, max((hit.dense for hit in case.hits), default=0.0))


def seen(question: str, bullets: Sequence[Bullet], likeness: float | None) -> dict[str, float]:
    """retrieval: cosine of the best chunk (`likeness`, left out where it is not known); spread: share of the
    bullets that come from one document; long: the question's words; met: share of its stems in the bullets;
    and what kind it is."""
    asked = words(question)
    held = set(words(" ".join(bullet.text for bullet in bullets)))
    documents = [bullet.document for bullet in bullets]
    parts = {
        "spread": max(map(documents.count, documents)) / len(documents) if documents else 0.0,
        "long": min(1.0, len(question.split()) / 30),
        "met": sum(stem in held for stem in asked) / len(asked) if asked else 0.0,
    }
    if likeness is not None:
        parts["retrieval"] = likeness
    parts |= {f"asks {kind}": float(bool(re.search(told, question.lower()))) for kind, told in _KINDS.items()}
    return {name: min(1.0, max(0.0, value)) for name, value in parts.items()}


def start(case: Case, router: Calibration | None, least: float) -> tuple[bool, str]:
    """Whether the first tier is tried, and why: unless the router's P(it will be right) is below `least`;
    without a router the cosine of question and best chunk takes its place."""
    known = features(case)
    belief = router.probability(known) if router else known["retrieval"]
    what = "P(the first tier will be right)" if router else "the best chunk's likeness to the question,"
    if belief >= least:
        return True, f"{what} {belief:.2f} is at least {least:.2f}"
    return False, f"{what} {belief:.2f} is below {least:.2f}"
