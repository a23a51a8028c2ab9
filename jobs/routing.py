"""Fit a router on dev: which questions would escalate anyway and may go to the last tier at once. Shows on
test what that saves. Asks no model.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.evaluation.calibrate import auroc, fit, out_of_fold
from engine.evaluation.curves import Pair, Point
from engine.evaluation.harness import right
from engine.evaluation.scoring import Scored
from engine.inference.belief import Calibration
from engine.inference.route import seen

ANYWAY = 0.9  # share of the dev questions sent on at once that would have escalated anyway
FEWEST = 5  # dev questions from which that share counts


class Seen(NamedTuple):
    """One question's draft, P(correct) of it (-1 where the tier refused), and what it took: tokens times
    price."""

    scored: Scored
    believed: float
    cost: float


class Routing(NamedTuple):
    """A router, and the least P(the first tier will be right) at which that is tried; 0: it always is."""

    router: Calibration
    least: float


def fitted(first: Sequence[Seen], accept: float) -> Routing:
    """The router of these dev drafts, each believed by fits that had not seen it, and the highest threshold
    below which at least ANYWAY of them would escalate all the same. Raises DataError for too few."""
    parts, outcome = [known(one.scored) for one in first], [right(one.scored) for one in first]
    believed = out_of_fold(parts, outcome)
    return Routing(fit(parts, outcome), threshold(believed, [one.believed < accept for one in first]))


def threshold(believed: Sequence[float], escalates: Sequence[bool]) -> float:
    """The highest P(the first tier will be right) below which ANYWAY of the questions, FEWEST at the least,
    escalate; 0 where there is none."""
    best = 0.0
    for least in sorted({*believed, 1.0}):
        below = [up for p, up in zip(believed, escalates, strict=True) if p < least]
        if len(below) >= FEWEST and sum(below) >= ANYWAY * len(below):
            best = least
    return best


def known(scored: Scored) -> dict[str, float]:
    """What a router would have seen of an answered question."""
    trace = scored.trace
    likeness = trace.verdict.parts.get("retrieval") if trace.verdict else None
    return seen(trace.question, trace.bullets, likeness)


def shown(made: Routing, rows: Sequence[Pair], first: Sequence[Seen], accept: float) -> dict[str, Any]:
    """On test: the share sent on at once, how many of those would have escalated anyway, and F1, escalated
    share and cost of the cascade with the router before it."""
    believed = [made.router.probability(known(one.scored)) for one in first]
    at_once = [p < made.least for p in believed]
    up = [row.believed < accept for row in rows]
    ends = [one or two for one, two in zip(at_once, up, strict=True)]
    paid = [
        (0.0 if jumped else row.cheap) + (row.dear if end else 0.0)
        for row, jumped, end in zip(rows, at_once, ends, strict=True)
    ]
    gains = [row.large if end else row.small for row, end in zip(rows, ends, strict=True)]
    scored = [gain for gain in gains if gain is not None]
    dear = sum(row.dear for row in rows)
    there = Point(sum(ends) / len(ends), sum(scored) / max(1, len(scored)), sum(paid) / dear if dear else 0.0)
    both = sum(one and two for one, two in zip(at_once, up, strict=True))
    return {
        "router_auroc": auroc(believed, [right(one.scored) for one in first]),
        "routed": sum(at_once) / len(at_once),
        "routed_anyway": both / sum(at_once) if any(at_once) else None,
        "f1_routed": 100 * there.gain,
        "escalated_routed": there.escalated,
        "cost_routed": there.cost,
    }
