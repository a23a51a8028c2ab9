"""An OpenAI-compatible endpoint as a tier: the same messages as for a local model, its answer taken
apart in the same way.

Its tokens are those the server counts, words where it does not. It gives no log-probabilities and no
P(refusal), so a verdict on it has no such parts. Some servers cut a prompt that is too long and say nothing;
what they count gives them away, and the trace says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.endpoint import Endpoint, Messages
from engine.errors import ConfigError, EndpointError, LabError, SilentError
from engine.inference.events import Token
from engine.inference.prompt import answer_messages, parse
from engine.inference.tiers import Asked, Said
from engine.progress import Progress, Report, silent
from engine.wire import LETTERS_PER_TOKEN, Reply

FEWEST = 3  # a server that counts less than a third of that guess has cut the prompt
DOWN = 2  # questions in a row without any answer after which a server is not asked again


@dataclass
class EndpointTier:
    """`window` in tokens is the server's, as told (0: not known, so nothing is cut and the server says no);
    `price` as Tier."""

    endpoint: Endpoint
    price: float = 0.0
    window: int = 0

    @property
    def name(self) -> str:
        """The model's name on the server."""
        return self.endpoint.spec.model

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        """As Tier, by the letters of the prompt."""
        return not self.window or self.tokens(asked) + max_new_tokens <= self.window

    def tokens(self, asked: Asked) -> int:
        """As Tier, estimated."""
        return self.counts(["".join(m["content"] for m in answer_messages(asked.question, asked.evidence))])[
            0
        ]

    def counts(self, texts: Sequence[str]) -> list[int]:
        """As Tier, estimated."""
        return [-(-len(text) // LETTERS_PER_TOKEN) for text in texts]

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> list[Said | LabError]:
        """As Tier, one after the other. A server can't be kept from refusing. One that is down is not asked
        for every question."""
        said: list[Said | LabError] = []
        silent_for, why = 0, ""
        for one in asked:
            if silent_for >= DOWN:
                said.append(EndpointError(f"{self.name} was not asked after {DOWN} failures in a row: {why}"))
                continue
            try:
                said.append(self._chat(one, max_tokens=max_new_tokens, temperature=0))
                silent_for = 0
            except LabError as error:
                said.append(error)
                silent_for, why = (silent_for + 1 if isinstance(error, SilentError) else 0), str(error)
            report(Progress("answer", len(said), len(asked), "answers"))
        return said

    def _chat(self, asked: Asked, **options: Any) -> Said:
        messages = self._messages(asked, options["max_tokens"])
        return _said(self.endpoint.chat(messages, **options), asked, self)

    def _messages(self, asked: Asked, max_new_tokens: int) -> Messages:
        if not self.fits(asked, max_new_tokens):
            raise ConfigError(
                f"A prompt of about {self.tokens(asked)} tokens and {max_new_tokens} for the answer do not "
                f"fit {self.name}'s window of {self.window} tokens: use fewer or shorter chunks or bullets."
            )
        return answer_messages(asked.question, asked.evidence)

    def stream(
        self, asked: Asked, *, ban: bool, max_new_tokens: int, guess: str = ""
    ) -> Iterator[Token | Said]:
        """One answer as it comes: Tokens, then Said. Closing it hangs up."""
        messages = self._messages(asked, max_new_tokens)
        pieces, text = self.endpoint.stream(messages, max_tokens=max_new_tokens, temperature=0), ""
        for piece in pieces:
            if isinstance(piece, Reply):
                yield _said(piece, asked, self)
                return
            text += piece
            yield Token(piece, text, None, self.name)
        raise EndpointError(f"{self.name} ended its answer without an end: ask again.")

    def draws(
        self, asked: Asked, count: int, *, temperature: float, ban: bool, max_new_tokens: int
    ) -> list[Said]:
        """Several answers, each drawn by a call of its own."""
        options = {"max_tokens": max_new_tokens, "temperature": temperature}
        return [self._chat(asked, **options, seed=seed) for seed in range(count)]


def _said(reply: Reply, asked: Asked, tier: EndpointTier) -> Said:
    answer, expected, note = parse(reply.text, len(asked.evidence)), tier.tokens(asked), ""
    if reply.counted and 0 < reply.prompt_tokens < expected / FEWEST:
        note = (
            f"{tier.name}'s server counted {reply.prompt_tokens} tokens in a prompt of about {expected}: it "
            "has probably cut it; give the tier its true window"
        )
    return Said(answer, reply.prompt_tokens or expected, reply.completion_tokens, note)
