"""Tiers that say what they are told to, for tests of what goes on around them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.errors import LabError
from engine.inference.events import Token
from engine.inference.extract import Found
from engine.inference.prompt import parse
from engine.inference.tiers import Asked, Said


@dataclass
class Finds:
    """A reader that finds `text` where it stands first; `none` is its P(no answer)."""

    text: str
    none: float = 0.0

    def read(self, questions: Sequence[str], contexts: Sequence[str], **_: Any) -> list[Found]:
        starts = [max(0, context.find(self.text)) for context in contexts]
        return [Found(self.text, at, at + 1, 0.9, self.none, ((at, 0.9),)) for at in starts]


@dataclass
class Scripted:
    """Says `says` (an error is raised), as often as it is asked; `drawn` are its samples. `seen` holds what
    it was asked, `window` is in words, 0 for none."""

    name: str
    says: str | LabError
    price: float = 1.0
    window: int = 0
    drawn: Sequence[str] = ()
    seen: list[Asked] = field(default_factory=list)
    temperatures: list[float] = field(default_factory=list)

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        return not self.window or self.tokens(asked) + max_new_tokens <= self.window

    def tokens(self, asked: Asked) -> int:
        return sum(self.counts([asked.question, *asked.evidence]))

    def counts(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def answers(self, asked: Sequence[Asked], **_: Any) -> list[Said]:
        self.seen.extend(asked)
        if isinstance(self.says, LabError):
            raise self.says
        return [self.said(self.says, one) for one in asked]

    def draws(self, asked: Asked, count: int, *, temperature: float, **_: Any) -> list[Said]:
        self.temperatures.append(temperature)
        return [self.said(text, asked) for text in self.drawn[:count]]

    def said(self, text: str, asked: Asked) -> Said:
        answer = parse(text, len(asked.evidence), refusal=0.0, logprobs=(0.0,))
        return Said(answer, self.tokens(asked), len(text.split()))


@dataclass
class Streamed(Scripted):
    """The same, word by word; it notes the guesses it is given and whether it was stopped. `breaks` is raised
    after the first word."""

    breaks: LabError | None = None
    guesses: list[str] = field(default_factory=list)
    stopped: bool = False
    running: Iterator[Token | Said] | None = None

    def stream(self, asked: Asked, *, guess: str = "", **_: Any) -> Iterator[Token | Said]:
        self.running = self.words(asked, guess)  # kept, so that only closing it ends it
        return self.running

    def words(self, asked: Asked, guess: str) -> Iterator[Token | Said]:
        (said,) = self.answers([asked])
        self.guesses.append(guess)
        text = ""
        try:
            for word in str(self.says).split():
                piece = f" {word}" if text else word
                text += piece
                yield Token(piece, text, -0.1, self.name)
                if self.breaks:
                    raise self.breaks
        except GeneratorExit:
            self.stopped = True
            raise
        yield said
