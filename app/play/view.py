"""What is known about one question so far: the engine's events, gathered as they come.

A View is all that panels and the API show. It draws nothing and asks nothing.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from app.play.setups import SetUp
from engine.errors import LabError
from engine.inference import events
from engine.inference.events import Event
from engine.inference.trace import Answer, Bullet, Trace, Verdict
from engine.retrieval.search import Hit

FRAME = 0.08  # seconds between two drawings while tokens come: 12 a second


@dataclass
class Turn:
    """One tier's turn: what it was given, what it says (`text` while it speaks), what the verifier says;
    after the `last` there is none to hand on to."""

    tier: str
    tokens: int = 0
    dropped: int = 0
    text: str = ""
    answer: Answer | None = None
    again: bool = False
    verdict: Verdict | None = None
    samples: tuple[Answer, ...] = ()
    agreement: float | None = None
    ended: str = ""
    last: bool = False
    failed: bool = False


@dataclass
class View:
    """One question on its way. `accept`, `tau` and `shape` are the set-up's; `warnings` are the serving
    check's words; `first_ms` is when the first token came, `total_ms` when the last event did; `error` is the
    sentence it ended with, if it did."""

    question: str
    accept: float | None = None
    tau: float | None = None
    shape: str = "short"
    begun: float = field(default_factory=time.perf_counter)
    warnings: list[str] = field(default_factory=list)
    hits: tuple[Hit, ...] | None = None
    low: bool = False
    bullets: tuple[Bullet, ...] | None = None
    routed: str = ""
    full_tokens: int = 0
    turns: list[Turn] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)
    first_ms: float | None = None
    total_ms: float = 0.0
    trace: Trace | None = None
    error: str = ""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to come."""
        return self.trace is not None or bool(self.error)

    @property
    def doubts(self) -> list[str]:
        """Why tiers were not enough, in order. Those of an ensemble are asked whatever is said before."""
        return [turn.ended for turn in self.turns if turn.ended and turn.ended != events.EVERY]

    def restart(self) -> None:
        """Begin to count the time now."""
        self.begun = time.perf_counter()

    def threshold(self, place: int) -> tuple[float | None, str]:
        """The score from which the draft of the turn at `place` stands, and which of the two it is."""
        if self.accept is not None and not self.turns[place].last:
            return self.accept, "accept"
        return self.tau, "tau"

    def take(self, event: Event) -> None:
        """Add what an event tells."""
        self.total_ms = 1000 * (time.perf_counter() - self.begun)
        if isinstance(event, events.Retrieved):
            self.hits, self.low = event.hits, event.low
            self._took("retrieve", event.ms)
        elif isinstance(event, events.Compressed):
            self.bullets = event.bullets
            self._took("compress", event.ms)
        elif isinstance(event, events.Routed):
            self.routed = event.reason
            self._took("route", event.ms)
        elif isinstance(event, events.Prompted):
            self.turns.append(Turn(event.tier, event.tokens, event.dropped, last=event.last))
            self.full_tokens = max(self.full_tokens, event.full_tokens)
            self._took("prompt", event.ms)
        elif isinstance(event, events.Answered):
            self._end(event.trace)
        else:
            self._turn(event)

    def _turn(
        self, event: events.Token | events.Drafted | events.Verified | events.Sampled | events.Escalated
    ) -> None:
        if not self.turns or self.turns[-1].ended:  # a tier that failed before its prompt was ready
            self.turns.append(Turn(event.tier))
        turn = self.turns[-1]
        if isinstance(event, events.Token):
            self.first_ms = self.total_ms if self.first_ms is None else self.first_ms
            turn.text = event.text
        elif isinstance(event, events.Drafted):
            self.first_ms = self.total_ms if self.first_ms is None else self.first_ms
            turn.answer, turn.again, turn.text = event.answer, event.again, ""
            self._took("look again" if event.again else "draft", event.ms)
        elif isinstance(event, events.Verified):
            turn.verdict = event.verdict
            self._took("verify", event.ms)
        elif isinstance(event, events.Sampled):
            turn.samples = event.answers
            self._took("sample", event.ms)
        else:
            turn.ended, turn.failed = event.reason, event.failed

    def _end(self, trace: Trace) -> None:
        self.trace, self.error = trace, trace.error
        self.bullets, self.low = trace.bullets, trace.low_relevance
        self.full_tokens = trace.full_tokens
        end = self.turns[-1] if self.turns and trace.drafts else None
        if end and (end.answer is None or end.ended):  # the last tier failed: those before were held to tau
            end.failed = end.failed or end.answer is None
            for turn in self.turns:
                turn.last = True
        for turn, draft in zip([one for one in self.turns if one.answer], trace.drafts, strict=False):
            turn.agreement = draft.agreement  # known once the samples are weighed
        if trace.ms:
            self.ms = dict(trace.ms)

    def _took(self, stage: str, ms: float) -> None:
        self.ms[stage] = self.ms.get(stage, 0.0) + ms


def begun(question: str, setup: SetUp) -> View:
    """The view of a question that is about to be asked."""
    spec = setup.answer
    return View(question, spec.accept, spec.tau, spec.shape)


def follow(view: View, coming: Iterator[Event | None], *, frame: float = FRAME) -> Generator[Any]:
    """Feed the events that are `coming` to `view`, yielding the kind of event when there is something new to
    draw; while tokens come at most once a `frame` (seconds). None passes through: nothing is new, and who
    listens may leave. A LabError ends it with its sentence in `view.error`. Closing it closes `coming`, and
    so stops the model."""
    drawn = 0.0
    with closing(coming):  # type: ignore[type-var]  # a generator
        try:
            for event in coming:
                if event is None:
                    yield None
                    continue
                view.take(event)
                now = time.perf_counter()
                if isinstance(event, events.Token) and now - drawn < frame:
                    continue
                drawn = now
                yield type(event)
        except LabError as error:
            view.error = str(error)
            yield LabError
