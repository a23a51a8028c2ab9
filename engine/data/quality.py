"""How much a text looks like prose one can learn from: a score from 0 to 1 of a few counts, and its parts.

After the rules of Gopher (Rae and others 2021, "Scaling Language Models", appendix A.1): letters, word
lengths, stop words, repeated lines. English stop words weigh little, so that other languages are not thrown
out. No model.
"""

import re
from collections import Counter
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_]+")
_STOP = frozenset("the of and to a in is that for it as was with on are by this be from at or an not".split())
SEEN = 20_000  # letters that are looked at


class Quality(NamedTuple):
    """`score` is halfway between the mean of the parts and the worst of them, each 0 (bad) to 1: letters
    among what is not blank, usual word lengths, lines that are not repeated, words that are not repeated,
    stop words."""

    score: float
    letters: float
    words: float
    lines: float
    variety: float
    prose: float


def quality(text: str) -> Quality:
    """The quality of a text; an empty one scores 0."""
    text = text[:SEEN]
    words = _WORD.findall(text)
    if not words:
        return Quality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    solid = len("".join(text.split()))
    total = sum(map(len, words))
    letters = _ramp(total / max(1, solid), 0.35, 0.75)
    mean = total / len(words)
    lengths = _ramp(mean, 1.5, 3.0) * (1 - _ramp(mean, 9.0, 14.0)) if text.isascii() else 1.0
    rows = [line.strip() for line in text.split("\n") if line.strip()]
    unlike = len(set(rows)) / len(rows) if rows else 0.0
    lower = [word.lower() for word in words]
    first = max(Counter(lower).values()) / len(lower)
    variety = 1 - _ramp(first, 0.15, 0.5) if len(lower) > 10 else 1.0
    stops = sum(word in _STOP for word in lower) / len(lower)
    prose = 0.5 + 0.5 * _ramp(stops, 0.02, 0.15)
    parts = (letters, lengths, _ramp(unlike, 0.3, 0.8), variety, prose)
    score = (sum(parts) / len(parts) + min(parts)) / 2
    return Quality(round(score, 3), *(round(part, 3) for part in parts))


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
