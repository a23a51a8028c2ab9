"""The desk: opens experiments, keeps their models, and answers one question at a time.

Built once per server and shared by all who ask; a question holds the desk until its events are closed. Knows
no screen.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from app.experiments import experiments, home
from app.play.offers import Offer, offered
from app.play.setups import ENDPOINT, SetUp
from app.play.worker import TICK, Task, Worker
from engine.errors import ConfigError, LabError
from engine.inference.events import Event
from engine.inference.spec import AnswerSpec
from engine.inference.tiers import Absent
from engine.inference.trace import Bullet, Trace
from jobs.opened import Opened, open_experiment

if TYPE_CHECKING:
    from engine.inference.orchestrator import Parts

WAIT = 120.0  # seconds; the queue lets one in at a time, so this only bridges the end of a stopped question
RETRY = 600.0  # seconds until a large tier that could not be had is asked for again
ABSENT = "it cannot be had here"  # the warning says why
KEPT = 2  # experiments whose models stay loaded


class Answers(Protocol):
    """What the screens ask of a desk."""

    def names(self) -> list[str]:
        """The experiments that can be asked, newest first."""
        ...

    def offer(self, name: str) -> Offer:
        """What an experiment offers. Raises LabError when there is no such experiment."""
        ...

    def events(self, name: str, setup: SetUp, question: str) -> Iterator[Event | None]:
        """The events from a question to its answer, None for a moment without one. Closing them stops the
        model."""
        ...

    def warnings(self, name: str, setup: SetUp) -> list[str]:
        """What differs between how the set-up's adapter was trained and how it is served; known once its
        events have begun."""
        ...

    def described(self, name: str, trace: Trace) -> dict[str, Any]:
        """A trace as plain data, as `ask --json` gives it."""
        ...


def prompt(question: str, bullets: tuple[Bullet, ...]) -> list[dict[str, str]]:
    """The chat messages that a tier is asked with."""
    from engine.inference.prompt import answer_messages

    return answer_messages(question, [bullet.text for bullet in bullets])


class Desk:
    """The real desk, on the workspace's experiments. The models of the last KEPT experiments stay loaded."""

    def __init__(self, device: str | None = None, *, endpoints: bool = True) -> None:
        self._device, self._endpoints = device, endpoints
        self._worker = Worker()
        self._busy = threading.Lock()
        self._opening = threading.Lock()
        self._opened: dict[str, tuple[int, Opened]] = {}
        self._warned: dict[str, list[str]] = {}
        self._missing: dict[str, tuple[float, str]] = {}

    def names(self) -> list[str]:
        """As Answers."""
        return [found.name for found in experiments(home())]

    def offer(self, name: str) -> Offer:
        """As Answers."""
        return offered(self._open(name), endpoints=self._endpoints)

    def warnings(self, name: str, setup: SetUp) -> list[str]:
        """As Answers."""
        return list(self._warned.get(name, []))

    def described(self, name: str, trace: Trace) -> dict[str, Any]:
        """As Answers."""
        from jobs.ask import described

        kept = self._opened.get(name)  # it may have been deleted while it was asked
        return described(trace, (kept[1] if kept else self._open(name)).titles)

    def events(self, name: str, setup: SetUp, question: str) -> Iterator[Event | None]:
        """As Answers. Raises ConfigError when the question before is not closed within WAIT."""
        until = time.monotonic() + WAIT
        while not self._busy.acquire(timeout=TICK):
            if time.monotonic() > until:
                raise ConfigError("The model is still busy with another question: try again in a minute.")
            yield None
        task = self._worker.start(lambda: self._events(name, setup, question))
        try:
            yield from task.items()
        finally:
            self._leave(task, setup)

    def _events(self, name: str, setup: SetUp, question: str) -> Iterator[Event]:
        from engine.inference.orchestrator import answer

        parts = self._parts(self._open(name), setup)
        try:
            with closing(answer(parts, question, setup.answer)) as events:  # type: ignore[type-var]
                yield from events
        finally:
            for tier in parts.tiers:
                if hasattr(tier, "endpoint"):
                    tier.endpoint.close()

    def _leave(self, task: Task[Event], setup: SetUp) -> None:
        """The desk is free when the model is. A server that does not answer is not waited for: its call ends
        by itself, and a new thread takes over."""
        task.leave()
        if setup.endpoint is not None and getattr(task.latest, "tier", "") == setup.endpoint.model:
            self._worker = Worker()
            self._busy.release()
        else:
            task.after(self._busy.release)

    def warm(self) -> None:
        """Load what the newest experiment answers with, so that the first question does not wait for it."""
        with suppress(LabError):  # whoever asks is told
            for name in self.names()[:1]:
                opened = self._open(name)
                offer = offered(opened, endpoints=False)
                setup = SetUp(tiers=offer.usual, answer=offer.answer)
                for _ in self.events(name, setup, next(iter(offer.examples), "What is this about?")):
                    pass
                for tier in offer.usual:
                    _ = opened.tier(tier).loaded

    def _parts(self, opened: Opened, setup: SetUp) -> "Parts":
        from engine.inference.reading import ReaderTier

        self._warned[opened.name] = list(opened.warnings("adapter")) if "adapter" in setup.tiers else []
        tiers: list[Any] = []
        for name in setup.tiers:
            if name == "reader":
                tiers.append(ReaderTier(opened.reader))
            elif name == ENDPOINT:
                tiers.append(self._remote(setup))
            elif name == "large" and len(setup.tiers) > 1 and self._cannot(opened):
                tiers.append(Absent(opened.manifest["spec"]["large"], ABSENT))
            else:
                tiers.append(name)
        known = _known(opened)
        parts = replace(opened.ladder(*tiers), calibrations=known.calibrations, router=known.router)
        self._warned[opened.name] += _unjudged(parts, setup.answer)
        return parts

    def _remote(self, setup: SetUp) -> Any:
        from engine.endpoint import Endpoint
        from engine.inference.remote import EndpointTier

        if not self._endpoints or setup.endpoint is None:
            raise ConfigError("No endpoint can be asked here: choose other tiers.")
        return EndpointTier(Endpoint(setup.endpoint), setup.endpoint.price, setup.endpoint.window)

    def _cannot(self, opened: Opened) -> bool:
        """Whether the large tier can't be had: then the others answer without it, and it is said why."""
        asked, said = self._missing.get(opened.name, (-RETRY, ""))
        if time.monotonic() - asked > RETRY:
            try:
                _, said = opened.tier("large").loaded, ""
            except LabError as error:
                said = str(error)
                self._missing[opened.name] = (time.monotonic(), said)
        if said:
            self._warned[opened.name].append(f"answered without the large tier: {said}")
        return bool(said)

    def _open(self, name: str) -> Opened:
        """The experiment as it is on disk now: made again, it is opened again; deleted, it is gone."""
        found = open_experiment(name, self._device)
        stamp = (found.place / "manifest.json").stat().st_mtime_ns
        with self._opening:
            kept = self._opened.pop(name, None)
            self._opened[name] = kept if kept and kept[0] == stamp else (stamp, found)
            while len(self._opened) > KEPT:
                self._opened.pop(next(iter(self._opened)))
            return self._opened[name][1]


def _known(opened: Opened) -> "Parts":
    """Where the calibrations and the router are from: the last calibration, else the arm, which has none of
    the latter."""
    found = opened.cascade()
    return found[0] if found else opened.parts()


def _unjudged(parts: "Parts", spec: AnswerSpec) -> list[str]:
    """Which tiers are held against thresholds with no calibration of their own, in words."""
    names = [
        tier.name
        for tier in parts.tiers
        if tier.name not in parts.calibrations and not isinstance(tier, Absent)
    ]
    if not names or (spec.accept is None and spec.tau is None):
        return []
    return [
        f"not calibrated here: {', '.join(names)}. Such a score is a weighted sum and no P(correct), so the "
        "thresholds mean less than they say"
    ]
