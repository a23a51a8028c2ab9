"""A causal model on this machine as a tier: batches, one answer as it comes, or several drawn.

Prompts and refusals are those of engine.inference.prompt. Knows no evidence but the texts it is given.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError, LabError
from engine.inference.decode import Decoded, check, decode
from engine.inference.events import Token
from engine.inference.lookup import Lookup
from engine.inference.model import Loaded
from engine.inference.prefix import PrefixCache
from engine.inference.prompt import answer_messages, completion_ids, parse, prompt_ids, refusal_token
from engine.inference.samples import samples
from engine.inference.sampling import Sampling
from engine.inference.stream import collect, stream
from engine.inference.tiers import Asked, Said
from engine.progress import Report, silent

DRAFTED = 50  # millions of parameters from which prompt lookup pays


@dataclass
class LocalTier:
    """A causal model on this machine, loaded when it is first asked. `parameters` are millions, where they
    are known before."""

    name: str
    load: Callable[[], Loaded]
    parameters: float = field(default=0.0, kw_only=True)
    _loaded: Loaded | None = field(default=None, repr=False)
    _prefix: PrefixCache | None = field(default=None, repr=False)
    _lookup: Lookup | None = field(default=None, repr=False)

    @classmethod
    def of(cls, loaded: Loaded, name: str = "") -> "LocalTier":
        """The tier of a model that is loaded already."""
        return cls(name or loaded.name, lambda: loaded, loaded)

    @property
    def loaded(self) -> Loaded:
        """The model, loaded now if it was not. Raises ModelError if it can't be had."""
        if self._loaded is None:
            self._loaded = self.load()
        return self._loaded

    @property
    def known(self) -> bool:
        """Whether the model is loaded already."""
        return self._loaded is not None

    @property
    def prefix(self) -> PrefixCache:
        """The prompts this model has read: one store a model, kept between questions."""
        if self._prefix is None:
            self._prefix = PrefixCache(self.loaded)
        return self._prefix

    @property
    def lookup(self) -> Lookup | None:
        """The drafter of single greedy answers; it switches itself off, and on again, over all of them. None
        for a tiny model, in which reading several tokens costs as much as the passes that it saves."""
        if self._lookup is None and self.price >= DRAFTED:
            self._lookup = Lookup(self.loaded)
        return self._lookup

    @property
    def price(self) -> float:
        """Millions of parameters, counted once it is loaded where nobody knows them before (0 until then): to
        ask for a price loads nothing."""
        if self._loaded is None or self.parameters:
            return self.parameters
        known = self._loaded.entry.parameters
        self.parameters = known or sum(one.numel() for one in self._loaded.model.parameters()) / 1e6
        return self.parameters

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        """As Tier."""
        return self.tokens(asked) + max_new_tokens <= self.loaded.context

    def tokens(self, asked: Asked) -> int:
        """As Tier."""
        return len(self.prompt(asked))

    def counts(self, texts: Sequence[str]) -> list[int]:
        """As Tier."""
        if not texts:
            return []
        encoded = self.loaded.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def prompt(self, asked: Asked) -> list[int]:
        """The prompt's token ids."""
        return prompt_ids(self.loaded.tokenizer, answer_messages(asked.question, asked.evidence))

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> list[Said | LabError]:
        """As Tier, in batches; a single question starts from what was read before (a second look shares its
        question with the draft). A prompt beyond the window gets a ConfigError."""
        prompts = [self.prompt(one) for one in asked]
        wrong = {place: self._wrong(prompt, max_new_tokens) for place, prompt in enumerate(prompts)}
        fit = [prompt for place, prompt in enumerate(prompts) if not wrong[place]]
        settings: dict[str, Any] = {"max_new_tokens": max_new_tokens, "ban_refusal": ban}
        settings["refusal_token"] = refusal_token(self.loaded.tokenizer)
        if len(fit) == 1:
            settings |= {"prefix": self.prefix, "drafter": self.lookup}
            decoded = iter([collect(stream(self.loaded, fit[0], **settings))])
        else:
            decoded = iter(decode(self.loaded, fit, report=report, **settings))
        return [
            wrong[place] or self._said(next(decoded), one, len(prompts[place]))
            for place, one in enumerate(asked)
        ]

    def _wrong(self, prompt: list[int], max_new_tokens: int) -> ConfigError | None:
        try:
            check(self.loaded, prompt, max_new_tokens)
        except ConfigError as error:
            return error
        return None

    def _said(self, decoded: Decoded, asked: Asked, prompt_tokens: int) -> Said:
        refusal, logprobs = decoded.refusal, decoded.logprobs
        answer = parse(decoded.text, len(asked.evidence), refusal=refusal, logprobs=logprobs)
        return Said(answer, prompt_tokens, len(decoded.ids))

    def stream(
        self, asked: Asked, *, ban: bool, max_new_tokens: int, guess: str = ""
    ) -> Iterator[Token | Said]:
        """One answer as it comes: Tokens, then Said. `guess` is what another tier has said: it is read with
        the prompt, and costs no further pass where this model agrees. Closing it stops the model."""
        prompt, tokenizer = self.prompt(asked), self.loaded.tokenizer
        steps = stream(
            self.loaded,
            prompt,
            max_new_tokens=max_new_tokens,
            refusal_token=refusal_token(tokenizer),
            ban_refusal=ban,
            prefix=self.prefix,
            drafter=self.lookup,
            guess=completion_ids(tokenizer, guess) if guess else (),
        )
        said, text = [], ""
        with closing(steps):
            for step in steps:
                said.append(step)
                yield Token(step.text.removeprefix(text), step.text, step.logprob, self.name)
                text = step.text
        yield self._said(collect(said), asked, len(prompt))

    def draws(
        self, asked: Asked, count: int, *, temperature: float, ban: bool, max_new_tokens: int
    ) -> list[Said]:
        """`count` answers drawn from one reading of the prompt."""
        prompt = self.prompt(asked)
        drawn = samples(
            self.loaded,
            prompt,
            count,
            sampling=Sampling(temperature=temperature),
            max_new_tokens=max_new_tokens,
            refusal_token=refusal_token(self.loaded.tokenizer),
            ban_refusal=ban,
            prefix=self.prefix,
        )
        return [self._said(one, asked, 0 if place else len(prompt)) for place, one in enumerate(drawn)]
