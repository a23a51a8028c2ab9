"""Self-consistency: of several answers to one prompt, the one that most of the others say too and that the
verifier believes.

Wang and others 2022, arXiv:2203.11171; for short answers "says the same" is token overlap, not a vote on
equal strings. Knows no model.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.inference.trace import Answer
from engine.inference.verify import overlap

SAME = 0.5


class Chosen(NamedTuple):
    """`place` in the answers, and the share of all of them that says the same."""

    place: int
    agreement: float


def agreement(answers: Sequence[Answer], place: int) -> float:
    """The share of all answers, itself included, that says what the one at `place` says; a refusal is
    one more answer."""
    return sum(_same(answers[place], other) for other in answers) / len(answers)


def choose(answers: Sequence[Answer], scores: Sequence[float]) -> Chosen:
    """The answer with the best mean of agreement and verifier's score (0..1, -1 for a refusal); the
    first wins a tie. Raises ValueError without answers."""
    if not answers:
        raise ValueError("there are no answers to choose from")
    shares = [agreement(answers, place) for place in range(len(answers))]
    best = max(range(len(answers)), key=lambda place: (shares[place] + scores[place], -place))
    return Chosen(best, shares[best])


def cheaper(prompt: int, output: int, price: float, count: int, next_price: float) -> bool:
    """Whether `count` samples of a tier, which read the prompt once, cost less than one answer of the
    next one; yes where a price is not known."""
    if not price or not next_price:
        return True
    return price * (prompt + count * max(1, output)) < next_price * (prompt + output)


def _same(one: Answer, other: Answer) -> bool:
    if one.refused or other.refused:
        return one.refused and other.refused
    return overlap(one.text, other.text) > SAME
