"""A store of prompts already read, so that the next prompt starts where it first differs: the system's
words, the same question asked again, its evidence, its samples.

Exact in float32 (the same sums in another order); in bfloat16 a prompt read in two pieces may round
otherwise. Belongs to one model with one adapter. Knows no text.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.inference import kv
from engine.inference.forward import Passes, changing
from engine.inference.model import Loaded

MOST_BYTES = 256_000_000


class _Kept(NamedTuple):
    cache: Any
    long: bool
    size: int


class PrefixCache:
    """The last prompts that a model has read, as keys and values; the oldest go when there are more than
    `most_bytes`. `hits` counts the tokens that did not have to be read again."""

    def __init__(self, loaded: Loaded, most_bytes: int = MOST_BYTES) -> None:
        self.loaded, self.most_bytes = loaded, most_bytes
        self.hits = 0
        self._kept: OrderedDict[tuple[int, ...], _Kept] = OrderedDict()
        self._adapter = _adapter(loaded)

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(one.size for one in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all prompts."""
        self._kept.clear()

    def start(self, ids: Sequence[int]) -> Passes:
        """A model at work that has read as much of `ids` as is known here, all but its last token at most."""
        if _adapter(self.loaded) != self._adapter:
            self.clear()
            self._adapter = _adapter(self.loaded)
        passes = Passes(self.loaded)
        long = passes.border is not None and len(ids) > passes.border
        best, shared = None, 0
        for known, one in self._kept.items():
            same = common(known, ids[:-1])
            if one.long == long and same > shared:
                best, shared = known, same
        if best is None:
            return passes
        self._kept.move_to_end(best)
        self.hits += shared
        return Passes(self.loaded, kv.copied(self._kept[best].cache, shared, passes.config), long=long)

    def keep(self, ids: Sequence[int], passes: Passes) -> None:
        """Remember what `passes` has read of `ids`. What another prompt holds already is not held twice."""
        read = min(kv.length(passes.cache), len(ids))
        key = tuple(ids[:read])
        if changing(passes.config) or any(known[:read] == key for known in self._kept):
            return
        cache = kv.copied(passes.cache, read, passes.config, room=0)
        size = kv.size(cache)
        for known in [known for known in self._kept if key[: len(known)] == known]:
            del self._kept[known]
        if size > self.most_bytes:
            return
        self._kept[key] = _Kept(cache, passes.long, size)
        while self.size > self.most_bytes:
            self._kept.popitem(last=False)


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts share from their start."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def _adapter(loaded: Loaded) -> str:
    return str(getattr(loaded.model, "active_adapter", "") or "")
