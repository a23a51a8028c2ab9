"""The desk: opens experiments, keeps their models, and answers one question at a time.

Built once per server and shared by all who ask; a question holds the desk until its events are closed. Knows
no screen.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from app.experiments import experiments, home
from app.play.setups import SetUp
from engine.errors import ConfigError, LabError
from engine.inference.events import Event
from engine.inference.spec import AnswerSpec
from engine.inference.trace import Bullet

WAIT = 120.0  # seconds; the queue lets one in at a time, so this only bridges the end of a stopped question
EXAMPLES = 8


@dataclass(frozen=True)
class Offer:
    """What an experiment offers: its tiers, how it answers by default (from its last calibration if there is
    one, which `calibrated` says), questions to try, and what is missing or differs, in words."""

    name: str
    tiers: tuple[str, ...]
    usual: tuple[str, ...]
    answer: AnswerSpec
    examples: tuple[str, ...] = ()
    calibrated: bool = False
    notes: tuple[str, ...] = ()
    models: dict[str, str] = field(default_factory=dict)


class Answers(Protocol):
    """What the screens ask of a desk."""

    def names(self) -> list[str]:
        """The experiments that can be asked, newest first."""
        ...

    def offer(self, name: str) -> Offer:
        """What an experiment offers. Raises LabError when there is no such experiment."""
        ...

    def events(self, name: str, setup: SetUp, question: str) -> Iterator[Event]:
        """The events from a question to its answer. Closing them stops the model."""
        ...

    def warnings(self, name: str, setup: SetUp) -> list[str]:
        """What the check of the adapter says, after the events have begun."""
        ...

    def prompt(self, question: str, bullets: tuple[Bullet, ...]) -> list[dict[str, str]]:
        """The prompt as chat messages."""
        ...


@dataclass
class _Kept:
    """An experiment that has been opened."""

    stamp: int
    manifest: dict[str, Any]
    index: Any
    loaded: dict[str, Any] = field(default_factory=dict)


class Desk:
    """The real desk, on the workspace's experiments."""

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._warned: dict[tuple[str, str], list[str]] = {}

    def names(self) -> list[str]:
        """As Answers."""
        return [found.name for found in experiments(home())]

    def offer(self, name: str) -> Offer:
        """As Answers."""
        from engine.artifact import read_manifest

        return _offer(name, read_manifest(_place(name)))

    def warnings(self, name: str, setup: SetUp) -> list[str]:
        """As Answers."""
        return [word for tier in setup.tiers for word in self._warned.get((name, tier), [])]

    def prompt(self, question: str, bullets: tuple[Bullet, ...]) -> list[dict[str, str]]:
        """As Answers."""
        from engine.inference.prompt import answer_messages

        return answer_messages(question, [bullet.text for bullet in bullets])

    def events(self, name: str, setup: SetUp, question: str) -> Iterator[Event]:
        """As Answers. Raises LabError when nobody closes the question before it within WAIT."""
        from engine.inference.orchestrator import answer

        if not self._lock.acquire(timeout=WAIT):
            raise ConfigError("The model is still busy with another question: try again in a minute.")
        try:
            parts = self._parts(name, setup)
            with closing(answer(parts, question, setup.answer)) as events:  # type: ignore[type-var]
                yield from events
        finally:
            self._lock.release()
