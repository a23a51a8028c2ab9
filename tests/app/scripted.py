"""A desk that says what it is told to: an experiment of two sentences and scripted events, with gates."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from app.play.offers import Offer
from app.play.setups import SetUp
from engine.errors import ConfigError
from engine.inference.events import (
    Answered,
    Compressed,
    Drafted,
    Escalated,
    Event,
    Prompted,
    Retrieved,
    Token,
    Verified,
)
from engine.inference.spec import AnswerSpec
from engine.inference.trace import Answer, Bullet, Draft, Trace, Verdict
from engine.retrieval.chunk import Chunk
from engine.retrieval.search import Hit
from engine.retrieval.sentences import Sentence

TEXT = "Titan is a moon of Saturn. Christiaan Huygens discovered it in 1655. It has lakes."
FIRST, SECOND = "Titan is a moon of Saturn.", "Christiaan Huygens discovered it in 1655."
QUESTION = "Who discovered Titan?"


def hit(text: str = TEXT, title: str = "Titan", start: int = 100) -> Hit:
    """A found chunk whose text begins `start` characters into its document."""
    chunk = Chunk(
        "titan", title, start, start + len(text), text, 20, (Sentence(text, start, start + len(text)),)
    )
    return Hit(7, chunk, 0.61, 4.2, 0.98)


def bullets(*texts: str) -> tuple[Bullet, ...]:
    """Sentences of TEXT as bullets."""
    found = [(text, TEXT.index(text) + 100) for text in texts or (FIRST, SECOND)]
    return tuple(
        Bullet(number, text, "titan", 7, start, start + len(text), 0.9)
        for number, (text, start) in enumerate(found, 1)
    )


def answered(said: str = "Christiaan Huygens", **changes: Any) -> Trace:
    """The trace of an accepted answer that cites bullet 2."""
    answer = Answer(said, f"{said} [2]", False, (2,), 0.01, (-0.1,))
    parts = {"coverage": 1.0, "numbers": 1.0, "agreement": 0.5}
    verdict = Verdict(True, 0.91, parts, "accepted: score 0.91 is at least tau 0.20")
    usual: dict[str, Any] = {
        **{"question": QUESTION, "answer": answer, "bullets": bullets(), "verdict": verdict},
        **{"prompt_tokens": 80, "output_tokens": 6, "evidence_tokens": 20, "full_tokens": 60},
        **{"ms": {"retrieve": 12.0, "draft": 80.0}, "timed": True, "tier": "small"},
        **{"decision": "accepted: score 0.91 is at least 0.70", "cost": 0.06, "cost_of": "large"},
        "drafts": (Draft("small", answer, verdict, False, 80, 6, 8.5),),
    }
    return Trace(**(usual | changes))


def accepted(said: str = "Christiaan Huygens") -> list[Event]:
    """What happens when the first tier is right."""
    trace = answered(said)
    words = [f"{' '.join(said.split()[: n + 1])}" for n in range(len(said.split()))]
    return [
        Retrieved((hit(),), 12.0),
        Compressed(trace.bullets, 1.0),
        Prompted(80, 60, 2.0, "small"),
        *[Token(word.split()[-1], word, -0.1, "small") for word in words],
        Drafted(trace.answer, False, 80.0, "small"),
        Verified(trace.verdict or Verdict(False, 0.0), 1.0, "small"),
        Answered(trace),
    ]


def escalated() -> list[Event]:
    """What happens when the first tier is doubted and the second one is right."""
    doubt = "escalated: the year 1969 is not in bullet 2"
    wrong = Answer("1969", "1969 [2]", False, (2,))
    trace = answered("1655", tier="large", decision="accepted: large: score 0.88 is at least 0.20", cost=1.2)
    return [
        *accepted("1969")[:3],
        Drafted(wrong, False, 80.0, "small"),
        Verified(
            Verdict(False, 0.31, {"numbers": 0.0}, "refused: the year 1969 is not in bullet 2"), 1.0, "small"
        ),
        Escalated("small", "large", doubt),
        Prompted(90, 60, 2.0, "large", last=True),
        Drafted(trace.answer, False, 900.0, "large"),
        Verified(trace.verdict or Verdict(False, 0.0), 1.0, "large"),
        Answered(trace),
    ]


def refused() -> list[Event]:
    """What happens when nothing fits."""
    trace = answered(
        answer=Answer("I don't know", "Ceres [1]", True),
        decision="refused: the reader finds no answer in the evidence",
        low_relevance=True,
    )
    return [Retrieved((hit(),), 12.0, True), *accepted()[1:-1], Answered(trace)]


class ScriptedDesk:
    """`script` gives the events of a question. `gate`, where set, is waited for before the draft; `closed`
    counts the questions that were closed, `running` those that are not."""

    def __init__(self, script: Callable[[str, SetUp], list[Event | Exception]] | None = None) -> None:
        self.script = script or (lambda question, setup: list(accepted()))
        self.gate: threading.Event | None = None
        self.reached = threading.Event()
        self.closed = 0
        self.running = 0
        self.most = 0
        self.gone: set[str] = set()

    def names(self) -> list[str]:
        """As Answers."""
        return [name for name in ("space", "rust") if name not in self.gone]

    def offer(self, name: str) -> Offer:
        """As Answers."""
        if name not in self.names():
            raise ConfigError(f"There is no experiment {name!r} yet.")
        spec = AnswerSpec(tau=0.2027, accept=0.7)
        tiers = ("small", "adapter", "reader", "large", "endpoint")
        return Offer(
            name, tiers, ("adapter", "large"), spec, (QUESTION, "How many lakes?"), notes=("A note.",)
        )

    def warnings(self, name: str, setup: SetUp) -> list[str]:
        """As Answers."""
        return ["the adapter was trained on another index"] if "adapter" in setup.tiers else []

    def described(self, name: str, trace: Trace) -> dict[str, Any]:
        """As Answers."""
        from jobs.ask import described

        return described(trace, {"titan": "Titan"})

    def events(self, name: str, setup: SetUp, question: str) -> Iterator[Event]:
        """As Answers."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for event in self.script(question, setup):
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Prompted) and self.gate is not None:
                    self.reached.set()
                    while not self.gate.wait(0.05):
                        yield Token("", "Chris", -0.1, "small")
        finally:
            self.running -= 1
            self.closed += 1
