"""One question on its way through the orchestrator, and the trace it leaves. Decides nothing."""

from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import LabError
from engine.inference.extract import Found
from engine.inference.prompt import REFUSAL
from engine.inference.tiers import Asked, Said, Tier
from engine.inference.trace import Answer, Bullet, Draft, Trace, Verdict
from engine.retrieval.search import Hit

NOTHING = Answer(REFUSAL, "", True)


@dataclass
class Try:
    """What one tier made of the question so far. `shown` is its prompt; `asked` says that the tier was
    really asked, `tokens` counts all its prompts and `said` all it said."""

    tier: Tier
    shown: Asked
    first: int = 0
    dropped: int = 0
    asked: bool = False
    tokens: int = 0
    said: int = 0
    answer: Answer = NOTHING
    again: bool = False
    verdict: Verdict | None = None
    samples: tuple[Answer, ...] = ()
    agreement: float | None = None

    def add(self, said: Said) -> None:
        """Count what an answer took."""
        self.asked = True
        self.tokens += said.prompt_tokens
        self.said += said.output_tokens

    def draft(self) -> Draft:
        """As it stands in the trace."""
        return Draft(
            self.tier.name,
            self.answer,
            self.verdict,
            self.again,
            self.tokens,
            self.said,
            self.tier.price,
            self.samples,
            self.agreement,
        )


@dataclass
class Case:
    """One question on its way; `tries` holds a tier's drafts in the order they were asked, `start` is the
    place of the tier that was asked first and `routed` why it was another than the cheapest. `failed` is what
    a stage could not do for this question alone, until it is dealt with; `failing` are the tiers that could
    not be asked."""

    question: str
    vector: Any = None
    hits: tuple[Hit, ...] = ()
    bullets: tuple[Bullet, ...] = ()
    low: bool = False
    evidence_tokens: int = 0
    full_tokens: int = 0
    found: Found | None = None
    tries: list[Try] = field(default_factory=list)
    place: int = 0
    start: int = 0
    routed: str = ""
    chosen: Try | None = None
    done: bool = False
    decision: str = ""
    error: str = ""
    failed: LabError | None = None
    failing: list[Tier] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)

    @property
    def now(self) -> Try:
        """The try that is being made."""
        return self.tries[-1]

    def take(self, said: Said | LabError) -> Answer | None:
        """Count what the tier has said, note what is odd about it; None if it failed."""
        if isinstance(said, LabError):
            self.failed = said
            return None
        self.now.add(said)
        if said.note and said.note not in self.notes:
            self.notes.append(said.note)
        return said.answer

    def took(self, stage: str, milliseconds: float) -> None:
        """Add to a stage's time."""
        self.ms[stage] = self.ms.get(stage, 0.0) + milliseconds

    def trace(self, ladder: tuple[Tier, ...], *, timed: bool, shaped: str = "") -> Trace:
        """All that is known now."""
        chosen = self.chosen or (self.tries[-1] if self.tries else None)
        answer, verdict = (chosen.answer, chosen.verdict) if chosen else (NOTHING, None)
        if verdict and not verdict.supported:
            answer = replace(answer, text=REFUSAL, refused=True, citations=())
        cost = self.cost(ladder[-1]) if len(ladder) > 1 else None
        return Trace(
            question=self.question,
            answer=answer,
            bullets=self.bullets,
            verdict=verdict,
            prompt_tokens=sum(one.tokens for one in self.tries),
            output_tokens=sum(one.said for one in self.tries),
            evidence_tokens=self.evidence_tokens,
            full_tokens=self.full_tokens,
            ms=dict(self.ms),
            timed=timed,
            tier=chosen.tier.name if chosen else "",
            decision=self.decision,
            drafts=tuple(one.draft() for one in self.tries),
            cost=cost,
            cost_of=ladder[-1].name if cost is not None else "",
            low_relevance=self.low,
            notes=tuple(self.notes),
            error=self.error,
            shaped=shaped,
        )

    def cost(self, largest: Tier) -> float | None:
        """What was asked, as a share of what asking `largest` alone would have cost: tokens times price.
        Where it was not asked, its tokens are taken to be as many as the first tier's. None without
        prices (of a model that nobody knows and that was not needed, too), and where it can't be had."""
        asked = [one for one in self.tries if one.asked]
        if not asked or largest in self.failing or not all(one.tier.price for one in asked):
            return None
        whole = next((one for one in asked if one.tier is largest), None)
        tokens = whole.tokens + whole.said if whole else asked[0].tokens + asked[0].said
        spent = sum((one.tokens + one.said) * one.tier.price for one in asked)
        return spent / (tokens * largest.price) if tokens and largest.price else None
