"""What votes between two set-ups show: the share won, with Wilson's interval. Knows no vote's content.

Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22; it stays inside
0..1 and is honest at few votes, where the usual interval is not (Brown, Cai & DasGupta 2001, section 3).
"""

import math
from typing import NamedTuple

Z95 = 1.959963984540054


class Share(NamedTuple):
    """The share of `n` that was won, with the ends of its 95 % interval; all 0..1."""

    value: float
    low: float
    high: float
    n: int


def wilson(won: int, n: int, *, z: float = Z95) -> Share | None:
    """The share won/n with its interval; None of nothing. ValueError unless 0 <= won <= n."""
    if not 0 <= won <= n:
        raise ValueError(f"{won} of {n} is no share")
    if n == 0:
        return None
    share = won / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # at 0 and n the ends are exact, and rounding must not push them past it
    low = 0.0 if won == 0 else max(0.0, middle - reach)
    high = 1.0 if won == n else min(1.0, middle + reach)
    return Share(share, low, high, n)


def verdict(first: int, second: int) -> str:
    """One sentence on `first` votes against `second`, ties and "both bad" left out: they favour neither."""
    share = wilson(first, first + second)
    if share is None:
        return "no vote prefers one of the two yet"
    span = f"{100 * share.value:.0f} % of {share.n} decided votes (95 % interval {100 * share.low:.0f} to "
    span += f"{100 * share.high:.0f} %)"
    if share.low > 0.5:
        return f"the first is preferred: {span}"
    if share.high < 0.5:
        return f"the second is preferred: the first won {span}"
    return f"undecided: the first won {span}"
