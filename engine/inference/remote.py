"""An OpenAI-compatible endpoint as a tier: the same messages as for a local model, its answer taken
apart in the same way.

Its tokens are those the server counts, words where it does not. It gives no log-probabilities and no
P(refusal), so those parts of a verdict stay at what "unknown" means for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.endpoint import Endpoint
from engine.errors import EndpointError
from engine.inference.events import Token
from engine.inference.prompt import answer_messages, parse
from engine.inference.tiers import Asked, Said
from engine.progress import Progress, Report, silent
from engine.wire import Reply

LETTERS = 4  # of a token of English, roughly: only to guess whether a prompt fits


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
        return [-(-len(text) // LETTERS) for text in texts]

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> list[Said]:
        """As Tier, one after the other. A server can't be kept from refusing. Raises EndpointError."""
        said = []
        for one in asked:
            messages = answer_messages(one.question, one.evidence)
            said.append(
                _said(self.endpoint.chat(messages, max_tokens=max_new_tokens, temperature=0), one, self)
            )
            report(Progress("answer", len(said), len(asked), "answers"))
        return said

    def stream(
        self, asked: Asked, *, ban: bool, max_new_tokens: int, guess: str = ""
    ) -> Iterator[Token | Said]:
        """One answer as it comes: Tokens, then Said. Closing it hangs up."""
        messages = answer_messages(asked.question, asked.evidence)
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
        messages = answer_messages(asked.question, asked.evidence)
        options = {"max_tokens": max_new_tokens, "temperature": temperature}
        return [
            _said(self.endpoint.chat(messages, **options, seed=seed), asked, self) for seed in range(count)
        ]


def _said(reply: Reply, asked: Asked, tier: EndpointTier) -> Said:
    answer = parse(reply.text, len(asked.evidence))
    return Said(answer, reply.prompt_tokens or tier.tokens(asked), reply.completion_tokens)
