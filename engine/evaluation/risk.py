"""The dial by risk: the least tau under which at most a given share of the wrong answers is let through, with
a bound that holds on answers not seen yet.

Clopper and Pearson 1934: the exact upper end of a binomial share. Knows beliefs and outcomes only.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95


class Risk(NamedTuple):
    """`tau`; of `wrong` wrong answers `through` are let through, their `share` and its upper `bound`; `kept`
    is the share of right answers that stands. `feasible` says whether the bound reached what was asked,
    `needed` how many wrong answers must have been seen for any tau to reach it."""

    tau: float
    through: int
    wrong: int
    share: float
    bound: float
    kept: float | None
    feasible: bool
    needed: int


def upper(through: int, wrong: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided upper bound of a share `through` of `wrong`; 1 when nothing was seen."""
    if through >= wrong:
        return 1.0
    low, high = through / wrong, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(through, wrong, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(through: int, wrong: int, share: float) -> float:
    """P(at most `through` of `wrong`) where each comes with probability `share`, 0 < share < 1."""
    total = math.lgamma(wrong + 1)
    return sum(
        math.exp(
            total
            - math.lgamma(count + 1)
            - math.lgamma(wrong - count + 1)
            + count * math.log(share)
            + (wrong - count) * math.log1p(-share)
        )
        for count in range(through + 1)
    )


def needed(risk: float, confidence: float = CONFIDENCE) -> int:
    """How many wrong answers must be seen, none of them let through, to promise `risk`: the feasibility
    check."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - risk)) if 0 < risk < 1 else 1


def at(tau: float, believed: Sequence[float], right: Sequence[bool], risk: float = 1.0) -> Risk:
    """What a tau does on answers with these P(correct) and outcomes."""
    wrong = [p for p, y in zip(believed, right, strict=True) if not y]
    good = [p for p, y in zip(believed, right, strict=True) if y]
    through = sum(p >= tau for p in wrong)
    bound = upper(through, len(wrong))
    kept = sum(p >= tau for p in good) / len(good) if good else None
    share = through / len(wrong) if wrong else 0.0
    return Risk(tau, through, len(wrong), share, bound, kept, bound <= risk, needed(risk))


def choose(believed: Sequence[float], right: Sequence[bool], risk: float) -> Risk:
    """The least tau whose bound is at most `risk`. Where no tau reaches it on so few wrong answers, the one
    that lets the fewest through, marked as not feasible."""
    taus = sorted({0.0, *(min(1.0, p + 1e-9) for p in believed if p >= 0)})
    tried = [at(tau, believed, right, risk) for tau in taus]
    good = [one for one in tried if one.feasible]
    return good[0] if good else min(tried, key=lambda one: (one.through, one.tau))
