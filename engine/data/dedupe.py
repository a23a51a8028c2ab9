"""Texts that are there twice: the same but for case and blanks, or nearly the same by their words.

Near ones by MinHash and locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman, Ullman 2014, chapter 3)
over runs of five words, and then by the true Jaccard similarity. The first of each kind stays. The cost grows
with the number of texts, not with its square.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from engine.progress import Report, silent, tracked

RUN = 5
PERMUTATIONS = 64
SEEN = 20_000  # words of a text that are looked at
_WORD = re.compile(r"\w+")


def same(texts: Iterable[str]) -> dict[int, int]:
    """For each text that was there before (case and blanks aside) its position and the first one's."""
    first: dict[bytes, int] = {}
    found = {}
    for place, text in enumerate(texts):
        digest = hashlib.sha1(" ".join(text.casefold().split()).encode(), usedforsecurity=False).digest()
        kept = first.setdefault(digest, place)
        if kept != place:
            found[place] = kept
    return found


def near(
    texts: Sequence[str], threshold: float = 0.8, report: Report = silent
) -> dict[int, tuple[int, float]]:
    """For each text whose runs of words are at least `threshold` (Jaccard) those of one before: its position,
    that one's and the similarity."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=max(0.5, threshold - 0.1), num_perm=PERMUTATIONS, weights=(0.3, 0.7))
    blank = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=_itself, scheme="affine32")
    hashes: dict[int, Any] = {}
    found: dict[int, tuple[int, float]] = {}
    for place, text in enumerate(tracked(texts, len(texts), "compare", "texts", report)):
        runs = _runs(text)
        if not len(runs):
            continue
        sketch = blank.copy()
        sketch.update_batch(runs.tolist())
        best = max(((jaccard(runs, hashes[other]), -other) for other in lsh.query(sketch)), default=(0.0, 0))
        if best[0] >= threshold:
            found[place] = (-best[1], round(best[0], 3))
        else:
            lsh.insert(place, sketch, check_duplication=False)
            hashes[place] = runs
    return found


def jaccard(one: Any, other: Any) -> float:
    """How much two sorted arrays of different values share of what either holds."""
    import numpy as np

    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _runs(text: str) -> Any:
    """The hashes of a text's runs of words, each once, sorted: 4 bytes each, since all stay in memory."""
    import numpy as np

    words = _WORD.findall(text.casefold())[:SEEN]
    size = min(RUN, len(words))
    starts = range(len(words) - size + 1) if size else range(0)
    found = [zlib.crc32(" ".join(words[start : start + size]).encode()) for start in starts]
    return np.unique(np.array(found, dtype=np.uint32))


def _itself(run: int) -> int:
    return run
