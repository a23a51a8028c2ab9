"""Tiers: what can be asked for an answer. A local model (local.py), an extractive reader (reading.py), an
endpoint (remote.py); any number in a row, cheapest first.

A tier turns a question and its evidence into an Answer. Knows no retrieval, no verifier and no cascade.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from engine.errors import LabError, ModelError
from engine.inference.events import Token
from engine.inference.extract import Found
from engine.inference.trace import Answer
from engine.progress import Report, silent


class Asked(NamedTuple):
    """A question and the texts of its bullets, in the order of their numbers."""

    question: str
    evidence: tuple[str, ...] = ()


class Said(NamedTuple):
    """An answer with what it took, in the tier's own tokens. `note` is empty, or says in one sentence what is
    odd about it."""

    answer: Answer
    prompt_tokens: int
    output_tokens: int
    note: str = ""


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
    ) -> Sequence[Said | LabError]:
        """One answer each, the likeliest; with `ban` it may not refuse. A question that it can't answer gets
        its error in place of one; what concerns them all is raised."""
        ...


@dataclass(frozen=True)
class Absent:
    """A tier that can't be had: whoever asks it is told `why`, without a try."""

    name: str
    why: str
    price: float = 0.0

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        """Raises ModelError."""
        raise ModelError(self.why)

    def tokens(self, asked: Asked) -> int:
        """Raises ModelError."""
        raise ModelError(self.why)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Raises ModelError."""
        raise ModelError(self.why)

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> Sequence[Said | LabError]:
        """Raises ModelError."""
        raise ModelError(self.why)


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
