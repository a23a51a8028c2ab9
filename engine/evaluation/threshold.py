"""Choose tau, the least verifier score that is answered, on the dev split. Knows scores and
gains, no model.

The dial: of all thresholds that can be believed to refuse at least a given share of the questions without an
answer, the one under which those with an answer fare best. Believed: the share seen on dev, less `errors`
standard errors, is that large; of few questions a larger share must be seen than of many.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Threshold(NamedTuple):
    """`tau`, and what it does on the questions it was chosen on: mean F1 over the answerable ones (a refusal
    counts 0) and share of the others refused, both 0..1; `refused` is None where there were none."""

    tau: float
    f1: float
    refused: float | None


def choose(
    scores: Sequence[float], f1: Sequence[float | None], refuse: float = 0.6, errors: float = 1.0
) -> Threshold:
    """The threshold for questions with verifier `scores` (0..1; -1 for one that was refused anyway) and `f1`
    (None where there is nothing to answer).

    Of those that refuse at least the share `refuse` of the questions without an answer, by `errors` standard
    errors of that share, it is the one with the highest F1; the lowest tau wins a tie. Without questions of
    both sorts tau is 0: everything is answered, since nothing was seen that shows when to refuse.
    """
    answerable = [(score, value) for score, value in zip(scores, f1, strict=True) if value is not None]
    others = [score for score, value in zip(scores, f1, strict=True) if value is None]
    if not others or not answerable:
        return _at(0.0, answerable, others)
    candidates = sorted({0.0, *(min(1.0, score + 1e-6) for score in scores if score >= 0)})
    tried = [_at(tau, answerable, others) for tau in candidates]
    strict = [one for one in tried if _believed(one.refused or 0.0, len(others), errors) >= refuse]
    return max(strict or tried[-1:], key=lambda one: (one.f1, -one.tau))


def _believed(share: float, count: int, errors: float) -> float:
    """The share less `errors` of its standard errors, sqrt(p (1 - p) / n)."""
    return share - errors * math.sqrt(share * (1 - share) / count)


def _at(tau: float, answerable: list[tuple[float, float]], others: list[float]) -> Threshold:
    gained = (
        sum(value for score, value in answerable if score >= tau) / len(answerable) if answerable else 0.0
    )
    refused = sum(score < tau for score in others) / len(others) if others else None
    return Threshold(tau, gained, refused)
