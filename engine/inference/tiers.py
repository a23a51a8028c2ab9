"""Tiers: what can be asked for an answer. A local model, an extractive reader, an endpoint; any number in a
row, cheapest first.

A tier turns a question and its evidence into an Answer. Knows no retrieval, no verifier and no cascade.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from engine.errors import ConfigError
from engine.inference.decode import Decoded, decode
from engine.inference.events import Token
from engine.inference.extract import Found
from engine.inference.model import Loaded
from engine.inference.prefix import PrefixCache
from engine.inference.prompt import (
    REFUSAL,
    answer_messages,
    completion_ids,
    parse,
    prompt_ids,
    refusal_token,
)
from engine.inference.samples import samples
from engine.inference.sampling import Sampling
from engine.inference.stream import collect, stream
from engine.inference.trace import Answer
from engine.progress import Report, silent

READER_PRICE = 22.6  # millions of parameters of bantam-reader


class Asked(NamedTuple):
    """A question and the texts of its bullets, in the order of their numbers."""

    question: str
    evidence: tuple[str, ...] = ()


class Said(NamedTuple):
    """An answer with what it took, in the tier's own tokens."""

    answer: Answer
    prompt_tokens: int
    output_tokens: int


class Reads(Protocol):
    """What is asked of a reader."""

    def read(
        self, questions: Sequence[str], contexts: Sequence[str], *, report: Report = silent
    ) -> list[Found]:
        """The best span of each context for its question."""
        ...


class Tier(Protocol):
    """`name` is shown and kept; `price` is millions of parameters a token passes (for an endpoint what it is
    said to cost, in the same unit), 0 where it is not known."""

    @property
    def name(self) -> str: ...

    @property
    def price(self) -> float: ...

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        """Whether the prompt and its answer fit the tier's window."""
        ...

    def tokens(self, asked: Asked) -> int:
        """The prompt in tokens."""
        ...

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text alone."""
        ...

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> list[Said]:
        """One answer each, the likeliest; with `ban` it may not refuse."""
        ...


@runtime_checkable
class Streams(Protocol):
    """A tier that can be watched while it answers."""

    def stream(
        self, asked: Asked, *, ban: bool, max_new_tokens: int, guess: str = ""
    ) -> Iterator[Token | Said]:
        """One answer as it comes: Tokens, then Said."""
        ...


@runtime_checkable
class Draws(Protocol):
    """A tier that can be asked the same thing several times."""

    def draws(
        self, asked: Asked, count: int, *, temperature: float, ban: bool, max_new_tokens: int
    ) -> list[Said]:
        """`count` answers, drawn."""
        ...


@dataclass
class LocalTier:
    """A causal model on this machine, loaded when it is first asked. Prompts and refusals are those of
    engine.inference.prompt."""

    name: str
    load: Callable[[], Loaded]
    _loaded: Loaded | None = field(default=None, repr=False)
    _prefix: PrefixCache | None = field(default=None, repr=False)

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
    def price(self) -> float:
        """Millions of parameters, counted where the catalog does not know them."""
        known = self.loaded.entry.parameters
        return known or sum(one.numel() for one in self.loaded.model.parameters()) / 1e6

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
    ) -> list[Said]:
        """As Tier, in batches. Raises ConfigError for a prompt beyond the window."""
        prompts = [self.prompt(one) for one in asked]
        decoded = decode(
            self.loaded,
            prompts,
            max_new_tokens=max_new_tokens,
            refusal_token=refusal_token(self.loaded.tokenizer),
            ban_refusal=ban,
            report=report,
        )
        return [
            Said(_parsed(said, len(one.evidence)), len(prompt), len(said.ids))
            for one, prompt, said in zip(asked, prompts, decoded, strict=True)
        ]

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
            guess=completion_ids(tokenizer, guess) if guess else (),
        )
        said, text = [], ""
        with closing(steps):
            for step in steps:
                said.append(step)
                yield Token(step.text.removeprefix(text), step.text, step.logprob, self.name)
                text = step.text
        decoded = collect(said)
        yield Said(_parsed(decoded, len(asked.evidence)), len(prompt), len(decoded.ids))

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
        return [
            Said(_parsed(one, len(asked.evidence)), 0 if place else len(prompt), len(one.ids))
            for place, one in enumerate(drawn)
        ]


@dataclass
class ReaderTier:
    """An extractive reader as a tier: its best span, cited by the bullet it stands in."""

    reader: Reads
    name: str = "reader"
    price: float = READER_PRICE

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        """Always: what is beyond its window is not read, which `Reader.read` states."""
        return True

    def tokens(self, asked: Asked) -> int:
        """As Tier; words where the reader has no tokenizer of its own."""
        return sum(self.counts([asked.question, *asked.evidence]))

    def counts(self, texts: Sequence[str]) -> list[int]:
        """As Tier."""
        tokenizer: Any = getattr(self.reader, "tokenizer", None)
        if tokenizer is None or not texts:
            return [len(text.split()) for text in texts]
        encoded = tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> list[Said]:
        """As Tier. It refuses where "no answer" is likelier than half, unless `ban`."""
        if not all(one.evidence for one in asked):
            raise ConfigError("A reader answers from evidence only: switch the evidence on, or ask a model.")
        texts = [" ".join(one.evidence) for one in asked]
        found = self.reader.read([one.question for one in asked], texts, report=report)
        return [
            Said(spanned(span, one.evidence, ban=ban), self.tokens(one), 0)
            for one, span in zip(asked, found, strict=True)
        ]


def spanned(found: Found, evidence: Sequence[str], *, ban: bool) -> Answer:
    """The reader's span as an answer: its words, cited by the bullet in which it starts. `evidence` is what
    was read, joined by blanks."""
    if not found.text or (found.none > 0.5 and not ban):
        return Answer(REFUSAL, found.text, True, refusal=found.none)
    end = 0
    for number, text in enumerate(evidence, 1):
        end += len(text) + 1
        if found.start < end:
            return Answer(found.text, found.text, False, (number,), found.none)
    return Answer(found.text, found.text, False, (), found.none)


def shares(found: Found, evidence: Sequence[str]) -> list[float]:
    """For each bullet, the reader's probability that the answer starts in it."""
    result, start = [], 0
    for text in evidence:
        result.append(found.within(start, start + len(text) + 1))
        start += len(text) + 1
    return result


def _parsed(decoded: Decoded, bullets: int) -> Answer:
    return parse(decoded.text, bullets, refusal=decoded.refusal, logprobs=decoded.logprobs)
