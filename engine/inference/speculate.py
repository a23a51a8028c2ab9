"""Draft with a small model what a large one then checks in one pass (Leviathan and others 2022), for two
models with the same tokens.

The answer is the large model's own, word for word; a bad drafter only makes it late, and switches itself
off. For models with other tokens give the small one's whole answer to `stream` as `guess`. No tier uses
this: it is offered to callers of `stream` only, and tiers draft by prompt lookup and guess. Knows no text.
"""

from collections.abc import Sequence

from engine.errors import ConfigError
from engine.inference import kv
from engine.inference.forward import Passes, changing
from engine.inference.lookup import Acceptance
from engine.inference.model import Loaded
from engine.inference.prefix import common


def same_tokens(one: Loaded, other: Loaded) -> bool:
    """Whether two models read and write the same token ids."""
    return bool(one.tokenizer.get_vocab() == other.tokenizer.get_vocab())


class Speculator:
    """The small model as a drafter of `length` tokens a pass. Raises ConfigError when the tokens differ."""

    def __init__(self, small: Loaded, large: Loaded, length: int = 4) -> None:
        if not same_tokens(small, large):
            raise ConfigError(
                f"{small.name} cannot draft for {large.name}, their tokens differ: use a model of the same "
                "family, or give its whole answer as a guess."
            )
        if changing(small.model.config):
            raise ConfigError(f"{small.name} cannot draft: its RoPE changes with the length.")
        self.small, self.length = small, length
        self.acceptance = Acceptance(least=0.3)
        self._passes = Passes(small)
        self._read: list[int] = []

    def draft(self, ids: Sequence[int], start: int, most: int) -> list[int]:
        """At most `most` tokens that the small model would say after `ids`."""
        import torch

        count = min(most, self.length, self.small.context - len(ids))
        if count < 1 or not self.acceptance.ask():
            return []
        text = list(ids)
        kv.crop(self._passes.cache, common(self._read, text[:-1]))
        with torch.inference_mode():
            for _ in range(count):
                text.append(int(self._passes.read(text, 1)[0].argmax()))
        self._read = text[:-1]
        return text[len(ids) :]

    def learn(self, drafted: int, accepted: int) -> None:
        """Of `drafted` tokens so many were right."""
        self.acceptance.learn(drafted, accepted)
