"""One pass of a model over new tokens with the cache of kv.py: what plain generation computes, without its
waste.

Two things are seen to here. transformers cuts the last places out of a prompt's states before the output
layer, and torch multiplies such a cut by copying the whole output matrix, once a row; a compact copy of
the few states does away with that. And RoPE that changes with the length (longrope, dynamic) makes cached
keys stale: `Passes` then reads everything again, where transformers' generate does. Knows no answers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.inference import kv
from engine.inference.model import Loaded


class Passes:
    """A model at work on one text: `ids` (a list of token ids) are read as far as `kv.length(cache)`."""

    def __init__(self, loaded: Loaded, cache: Any = None, *, long: bool = False) -> None:
        self.model, self.device = loaded.model, loaded.device.kind
        self.config = loaded.model.config
        self.cache = kv.fresh(self.config) if cache is None else cache
        self.border = border(self.config)
        self.long = long
        self.count = 0

    def read(self, ids: Sequence[int], keep: int) -> Any:
        """Read what is new in `ids`; logits in float32 [keep, vocabulary] of the last `keep` places."""
        import torch

        held = kv.length(self.cache)
        long = self.border is not None and len(ids) > self.border
        if held and long != self.long:
            kv.crop(self.cache, 0)
            held = 0
        self.long = long
        new = torch.tensor([ids[held:]], device=self.device)
        self.count += 1
        return logits(self.model, new, self.cache, keep)[0]

    def room(self, total: int, most: int) -> int:
        """How many of `most` drafted tokens may be read in one pass with a text of `total` tokens: none
        may stand on the other side of the border."""
        return max(0, min(most, self.border - total)) if self.border and total <= self.border else most


def logits(model: Any, new: Any, cache: Any, keep: int) -> Any:
    """One pass over `new` (ids [rows, tokens]): logits in float32 [rows, keep, vocabulary]."""
    with compact_head(model):
        out = model(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=keep)
    return out.logits[:, -keep:].float()


@contextmanager
def compact_head(model: Any) -> Iterator[None]:
    """Within it the output layer gets its states as a compact tensor."""
    import torch

    def compact(_: Any, states: tuple[Any, ...]) -> Any:
        first, *rest = states
        return (first.clone(memory_format=torch.contiguous_format), *rest) if first.dim() == 3 else None

    head = model.get_output_embeddings()
    if head is None:
        yield
        return
    hook = head.register_forward_pre_hook(compact)
    try:
        yield
    finally:
        hook.remove()


def border(config: Any) -> int | None:
    """The length from which a model with longrope uses other frequencies, for all tokens; None for others."""
    text = config.get_text_config()
    for rope in _ropes(config):
        if rope.get("rope_type") == "longrope":
            return int(rope.get("original_max_position_embeddings") or text.original_max_position_embeddings)
    return None


def changing(config: Any) -> bool:
    """Whether the model's RoPE changes with every token past its window (dynamic): keys can't be reused
    then."""
    return any("dynamic" in str(rope.get("rope_type", "")) for rope in _ropes(config))


def _ropes(config: Any) -> list[dict[str, Any]]:
    """The model's RoPE settings: one, or one for each kind of layer."""
    found = getattr(config.get_text_config(), "rope_parameters", None) or {}
    kinds = [one for one in found.values() if isinstance(one, dict) and "rope_type" in one]
    return kinds or [found]
