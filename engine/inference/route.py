"""Before any model is asked: is the first tier worth trying, or should the next one start?

A router sees the question and what was found for it, no draft (RouteLLM, Ong and others 2024,
arXiv:2406.18665).
Its features are parts 0..1, so that the same calibration fits it. Knows no model.
"""

import re

from engine.inference.belief import Calibration
from engine.inference.case import Case
from engine.retrieval.words import words

_KINDS = {
    "when": r"\bwhen\b|\bwhat year\b",
    "who": r"\bwho\b",
    "count": r"\bhow (many|much)\b",
    "why": r"\bwhy\b|\bhow (do|does|did|can)\b",
}


def features(case: Case) -> dict[str, float]:
    """retrieval: cosine of the best chunk; lead: how far the best chunk's fused score is above the second's;
    spread: share of the bullets that come from one document; long: the question's words; met: share of its
    stems in the bullets; and what kind it is."""
    asked = words(case.question)
    held = set(words(" ".join(bullet.text for bullet in case.bullets)))
    hits = sorted((hit.fused for hit in case.hits), reverse=True)
    documents = [bullet.document for bullet in case.bullets]
    parts = {
        "retrieval": max((hit.dense for hit in case.hits), default=0.0),
        "lead": hits[0] - hits[1] if len(hits) > 1 else 0.0,
        "spread": max(map(documents.count, documents)) / len(documents) if documents else 0.0,
        "long": min(1.0, len(case.question.split()) / 30),
        "met": sum(stem in held for stem in asked) / len(asked) if asked else 0.0,
    }
    question = case.question.lower()
    parts |= {f"asks {kind}": float(bool(re.search(told, question))) for kind, told in _KINDS.items()}
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
