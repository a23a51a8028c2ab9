"""The key-value cache that our own decoding stands on: grows in place, forgets a tail, copies a prefix.

transformers' DynamicCache joins tensors at every token, and its sliding layers throw away what a rollback
needs. These layers write into a buffer with room to spare and keep every token, so that going back to any
length is exact for sliding windows too; the price is that a sliding layer takes as much memory as a full
one. Knows no tokens.
"""

from functools import lru_cache
from typing import Any

from engine.errors import ModelError

ROOM = 64
KINDS = ("full_attention", "sliding_attention")


def fresh(config: Any) -> Any:
    """An empty cache for a model of this config. Raises ModelError for layers that keep a state instead of
    keys and values: that can't be rolled back."""
    from transformers.cache_utils import Cache, get_layer_types_and_kwargs

    kinds, settings = get_layer_types_and_kwargs(config.get_text_config(decoder=True))
    if other := sorted(set(kinds) - set(KINDS)):
        raise ModelError(
            f"This model has layers of the kind {other[0]}, whose memory cannot be rolled back: decode it in "
            "batches, or choose a model with attention layers only."
        )
    layer = _layer()
    return Cache(layers=[layer(setting.get("sliding_window")) for setting in settings])


def length(cache: Any) -> int:
    """How many tokens the cache holds."""
    return int(cache.layers[0].held)


def crop(cache: Any, keep: int) -> None:
    """Forget everything behind the first `keep` tokens."""
    for layer in cache.layers:
        layer.held = min(layer.held, keep)


def copied(cache: Any, keep: int, config: Any, room: int = ROOM) -> Any:
    """A cache of its own that holds the first `keep` tokens of this one, with places for `room` more."""
    made = fresh(config)
    for new, old in zip(made.layers, cache.layers, strict=True):
        new.fill(old.keys[:, :, :keep], old.values[:, :, :keep], room)
    return made


def select(cache: Any, rows: Any) -> None:
    """Keep these rows (a tensor of row numbers), one that stands there several times as often: for samples
    that part."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[rows], layer.values[rows]


def size(cache: Any) -> int:
    """Bytes of main or GPU memory that the cache takes."""
    return sum(
        int(part.numel() * part.element_size())
        for layer in cache.layers
        for part in (layer.keys, layer.values)
        if part is not None
    )


@lru_cache(maxsize=1)
def _layer() -> Any:
    """The layer's class, made when it is first needed because its parent comes with torch."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class Layer(DynamicLayer):
        """Keys and values [rows, heads, room, width] of one layer; the first `held` places are filled."""

        keys: Any
        values: Any

        def __init__(self, window: int | None = None) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.window = self.sliding_window = window
            self.is_sliding = window is not None
            self.held = 0

        def fill(self, keys: Any, values: Any, room: int) -> None:
            """Start from these, with `room` more places."""
            self.held = keys.shape[-2]
            shape = (*keys.shape[:2], self.held + room, keys.shape[-1])
            self.keys, self.values = keys.new_empty(shape), values.new_empty((*shape[:3], values.shape[-1]))
            self.keys[:, :, : self.held], self.values[:, :, : self.held] = keys, values
            self.is_initialized = True

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            """Add the new tokens; give back what they may look at."""
            new = key_states.shape[-2]
            end = self.held + new
            if not self.is_initialized:
                self.fill(key_states, value_states, ROOM)
            elif end > self.keys.shape[-2]:
                keys = torch.cat([self.keys[:, :, : self.held], key_states], -2)
                values = torch.cat([self.values[:, :, : self.held], value_states], -2)
                self.fill(keys, values, max(ROOM, end // 4))
            else:
                self.keys[:, :, self.held : end], self.values[:, :, self.held : end] = (
                    key_states,
                    value_states,
                )
            self.held = end
            start = max(end - (self.window - 1 + new), 0) if self.window else 0
            return self.keys[:, :, start:end], self.values[:, :, start:end]

        def get_seq_length(self) -> int:
            """Tokens held, those outside the window too."""
            return self.held

        def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
            """How many keys the next `query_length` tokens see, and the place of the first one."""
            if not self.window or self.held < self.window:
                return self.held + query_length, 0
            return self.window - 1 + query_length, self.held - self.window + 1

    return Layer
