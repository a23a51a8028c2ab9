"""What happens between a question and its answer, as small typed events in the order they come. Data only.

A usual order: Retrieved, Compressed, Routed, then for each tier that is asked Prompted, Token ..., Drafted
(twice where the second look is taken), Verified, and where samples are drawn Sampled and Verified again;
Escalated stands between two tiers; Answered is the last and carries the Trace. `ms` is wall-clock
milliseconds of the event's own stage; `tier` is the name of the tier it speaks of.
"""

from dataclasses import dataclass

from engine.inference.trace import Answer, Bullet, Trace, Verdict
from engine.retrieval.search import Hit

EVERY = "every tier but the last is asked"


@dataclass(frozen=True)
class Retrieved:
    """The chunks found, best first; `low` says that even the best of them has little to do with the
    question."""

    hits: tuple[Hit, ...]
    ms: float
    low: bool = False


@dataclass(frozen=True)
class Compressed:
    """The evidence as it will be numbered in the prompt."""

    bullets: tuple[Bullet, ...]
    ms: float


@dataclass(frozen=True)
class Routed:
    """Which tier is asked first, and why; it comes only where there is a choice."""

    tier: str
    reason: str
    ms: float


@dataclass(frozen=True)
class Prompted:
    """The prompt in tokens, and what the chunks would have taken uncompressed. `dropped` is the number of
    bullets that were left out because the tier's window is too small for them; after the `last` tier there is
    none to hand on to."""

    tokens: int
    full_tokens: int
    ms: float
    tier: str = ""
    dropped: int = 0
    last: bool = False


@dataclass(frozen=True)
class Token:
    """One more token of a draft: `piece` is the text it adds, `text` the draft so far, as decoded; `logprob`
    is natural, None where the tier does not tell."""

    piece: str
    text: str
    logprob: float | None = None
    tier: str = ""


@dataclass(frozen=True)
class Drafted:
    """An answer before it is verified; `again` says that it came from the second look."""

    answer: Answer
    again: bool
    ms: float
    tier: str = ""


@dataclass(frozen=True)
class Verified:
    """The verifier's word on the draft."""

    verdict: Verdict
    ms: float
    tier: str = ""


@dataclass(frozen=True)
class Sampled:
    """More answers of one tier to the same prompt, and `agreement`, the share that says what the chosen one
    says."""

    answers: tuple[Answer, ...]
    agreement: float
    ms: float
    tier: str = ""


@dataclass(frozen=True)
class Escalated:
    """The draft of `tier` was not enough, so `to` is asked; or `tier` failed (`failed`), and why: EVERY where
    an ensemble's next tier is asked whatever was said."""

    tier: str
    to: str
    reason: str
    failed: bool = False


@dataclass(frozen=True)
class Answered:
    """The end: all that is known about this question."""

    trace: Trace


Event = (
    Retrieved | Compressed | Routed | Prompted | Token | Drafted | Verified | Sampled | Escalated | Answered
)
