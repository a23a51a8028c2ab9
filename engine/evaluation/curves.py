"""F1 against cost: what a cascade of two tiers gains at every share of escalated questions, beside always
small, always large, a random mix and an oracle.

Knows gains, beliefs and costs of answered questions; no model. The random mix is the straight line between
the two tiers; the oracle escalates where that gains most. APGR is that of Ong and others 2024, RouteLLM,
arXiv:2406.18665.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

STEPS = 20


@dataclass(frozen=True)
class Pair:
    """One question answered by both tiers: `small` and `large` are their gains (F1 or right, 0..1; None for a
    question without an answer, which may escalate and cost but not gain),
    `believed` the P(correct) of the small one's draft (-1 where it refused) and `checked` of the large one's,
    `cheap` and `dear` their costs in one unit; `wish` is by what escalation is ordered, the highest first
    (None: by the lowest belief)."""

    small: float | None
    large: float | None
    believed: float
    checked: float = 1.0
    cheap: float = 0.0
    dear: float = 1.0
    wish: float | None = None

    @property
    def doubt(self) -> float:
        """What escalation is ordered by."""
        return -self.believed if self.wish is None else self.wish


class Point(NamedTuple):
    """At one setting: share of questions escalated, mean gain, mean cost as a share of always large's."""

    escalated: float
    gain: float
    cost: float


class Curve(NamedTuple):
    """A named line of points, cheapest first."""

    name: str
    points: tuple[Point, ...]


def point(pairs: Sequence[Pair], escalated: Sequence[bool], *, best: bool = False) -> Point:
    """What it gives to escalate just these. With `best` the more credible of both drafts stands, else the
    large one's. An escalated question pays for both."""
    gains = [
        (pair.large if not best or pair.checked >= pair.believed else pair.small) if up else pair.small
        for pair, up in zip(pairs, escalated, strict=True)
    ]
    known = [gain for gain in gains if gain is not None]
    costs = [pair.cheap + (pair.dear if up else 0.0) for pair, up in zip(pairs, escalated, strict=True)]
    whole = sum(pair.dear for pair in pairs)
    return Point(
        sum(escalated) / len(pairs),
        sum(known) / len(known) if known else 0.0,
        sum(costs) / whole if whole else 0.0,
    )


def at_share(pairs: Sequence[Pair], share: float, *, best: bool = False) -> Point:
    """The most doubted share of the questions escalated, rounded down to whole questions."""
    order = sorted(range(len(pairs)), key=lambda place: -pairs[place].doubt)
    chosen = set(order[: int(share * len(pairs) + 1e-9)])
    return point(pairs, [place in chosen for place in range(len(pairs))], best=best)


def at_doubt(pairs: Sequence[Pair], limit: float, *, best: bool = False) -> Point:
    """All questions escalated whose doubt is above `limit`."""
    return point(pairs, [pair.doubt > limit for pair in pairs], best=best)


def curves(
    pairs: Sequence[Pair], others: Sequence[tuple[str, Point]] = (), first: str = "always small"
) -> list[Curve]:
    """The lines of the figure: the cascade, the same where the more credible draft stands, the random mix,
    the oracle, and single points (nothing escalated, which is called `first`, always large, `others` such as
    the reader alone)."""
    shares = [step / STEPS for step in range(STEPS + 1)]
    wishful = [replace(pair, wish=(pair.large or 0.0) - (pair.small or 0.0)) for pair in pairs]
    small, large = always(pairs)
    mixed = [_mix(pairs, share) for share in shares]
    return [
        Curve("cascade", tuple(at_share(pairs, share) for share in shares)),
        Curve("cascade, the more credible stands", tuple(at_share(pairs, s, best=True) for s in shares)),
        Curve("random mix", tuple(mixed)),
        Curve("oracle", tuple(at_share(wishful, share) for share in shares)),
        Curve(first, (small,)),
        Curve("always large", (large,)),
        *(Curve(name, (one,)) for name, one in others),
    ]


def always(pairs: Sequence[Pair]) -> tuple[Point, Point]:
    """Always the small tier, always the large one (which then need not ask the small one first)."""
    none, every = point(pairs, [False] * len(pairs)), point(pairs, [True] * len(pairs))
    return none, Point(1.0, every.gain, 1.0)


def apgr(pairs: Sequence[Pair], *, best: bool = False) -> float | None:
    """Average performance gap recovered: (gain - small) / (large - small), averaged over all shares
    escalated. 0.5 is the random mix; None where the large tier is not better."""
    small, large = always(pairs)
    gap = large.gain - small.gain
    if gap <= 0:
        return None
    gains = [at_share(pairs, step / STEPS, best=best).gain for step in range(STEPS + 1)]
    area = sum((one + two) / 2 for one, two in pairwise(gains)) / STEPS
    return (area - small.gain) / gap


def budget(pairs: Sequence[Pair], share: float) -> float:
    """The dial by budget: the doubt above which at most `share` of these (dev) questions escalates."""
    order = sorted((pair.doubt for pair in pairs), reverse=True)
    count = int(share * len(pairs) + 1e-9)
    return order[count] if count < len(order) else float("-inf")


def _mix(pairs: Sequence[Pair], share: float) -> Point:
    """The expectation of escalating a share at random."""
    small, whole = point(pairs, [False] * len(pairs)), point(pairs, [True] * len(pairs))
    return Point(
        share,
        small.gain + share * (whole.gain - small.gain),
        small.cost + share * (whole.cost - small.cost),
    )
