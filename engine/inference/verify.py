"""Weigh an answer against its evidence: what the cited bullet covers, what the reader says,
how sure the model was.

A first verifier: fixed weights, not calibrated, and it says so. Knows nothing of how the answer came about.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from engine.inference.extract import Found
from engine.inference.trace import Answer, Bullet, Verdict
from engine.retrieval.words import words

WEIGHTS = {"answerable": 0.8, "agreement": 0.1, "willing": 0.05, "certain": 0.05}
COVERED = 0.5
_NUMBER = re.compile(r"\d[\d,.]*")
_NAME = re.compile(r"\b[A-Z][\w’'-]+")


def verify(answer: Answer, bullets: Sequence[Bullet], found: Found | None, tau: float) -> Verdict:
    """The verdict on one answer.

    `parts`, each 0..1: coverage (share of the answer's words in the cited bullets), numbers and names (all of
    the answer's stand there: 1, else 0), agreement (token F1 with the reader's span), answerable (1 - the
    reader's P(no answer)), willing (1 - the model's P(refusal)), certain (probability of the answer's least
    likely token). The score is their weighted sum, halved when the evidence does not hold the answer. Without
    bullets only `willing` and `certain` are known. `supported` = score >= tau.
    """
    certain = math.exp(min(answer.logprobs, default=0.0))
    parts = {"willing": 1 - answer.refusal, "certain": certain}
    if not bullets:
        return _judged(parts, 1 - answer.refusal, tau, "there is no evidence to hold it against")
    cited = [bullet for bullet in bullets if bullet.number in answer.citations] or list(bullets)
    text = " ".join(bullet.text for bullet in cited)
    parts |= {"coverage": _coverage(answer.text, text), "numbers": _all_in(_NUMBER, answer.text, text)}
    parts |= {"names": _all_in(_NAME, answer.text, text)}
    if found is not None:
        parts |= {"agreement": overlap(answer.text, found.text), "answerable": 1 - found.none}
    known = {name: weight for name, weight in WEIGHTS.items() if name in parts}
    score = sum(weight * parts[name] for name, weight in known.items()) / sum(known.values())
    held = parts["coverage"] >= COVERED and parts["numbers"] == parts["names"] == 1
    return _judged(parts, score if held else score / 2, tau, _weakest(parts, answer))


def overlap(answer: str, other: str) -> float:
    """Token F1 of two short texts over their stems, 0..1; 0 when either has none."""
    ours, theirs = words(answer) or answer.lower().split(), words(other) or other.lower().split()
    shared = sum(min(ours.count(word), theirs.count(word)) for word in set(ours))
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0


def _coverage(answer: str, text: str) -> float:
    asked, held = words(answer), set(words(text))
    return (
        sum(word in held for word in asked) / len(asked) if asked else float(answer.lower() in text.lower())
    )


def _all_in(pattern: re.Pattern[str], answer: str, text: str) -> float:
    held = {_bare(match) for match in pattern.findall(text)} | {_bare(word) for word in text.split()}
    return float(all(_bare(match) in held for match in pattern.findall(answer)))


def _bare(match: str) -> str:
    """A name or number without what may differ: case, thousands commas, a possessive, a full stop."""
    return re.sub(r"[’']s?$", "", match.lower().replace(",", "").strip('.()[];:!?"“”'))


def _judged(parts: dict[str, float], score: float, tau: float, doubt: str) -> Verdict:
    supported = score >= tau
    reason = f"accepted: score {score:.2f} is at least tau {tau:.2f}" if supported else f"refused: {doubt}"
    return Verdict(supported, score, {name: round(value, 4) for name, value in parts.items()}, reason)


def _weakest(parts: dict[str, Any], answer: Answer) -> str:
    if parts["numbers"] < 1 or parts["names"] < 1 or parts["coverage"] < COVERED:
        return f"the cited evidence does not hold {answer.text!r}"
    worst = min((name for name in WEIGHTS if name in parts), key=lambda name: parts[name])
    return {
        "agreement": "the reader finds another answer in the evidence",
        "answerable": "the reader finds no answer in the evidence",
        "willing": "the model would rather say it does not know",
        "certain": "the model was unsure of a word of its answer",
    }[worst]
