"""Comparing set-ups on one question: the runs, one after another so that each time is its own, and the votes.

Knows no widget. What was compared stays here for a while under an id; a vote names the id, so that nobody can
vote on an answer that was never given.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import SystemRandom
from typing import Any

from app.play.desk import Answers, prompt
from app.play.setups import SetUp, asked
from app.play.view import View, begun, follow
from engine.errors import ConfigError

FEWEST, MOST = 2, 4
KEPT = 200  # comparisons that can still be voted on
VOTES = {"left": "the left one", "right": "the right one", "tie": "a tie", "bad": "both bad"}


@dataclass
class Side:
    """One set-up's way through the question."""

    name: str
    setup: SetUp
    view: View


@dataclass
class Comparison:
    """One question in several set-ups. `blind` hides their names until there is a `vote`."""

    id: str
    experiment: str
    question: str
    blind: bool
    sides: list[Side]
    vote: str = ""

    @property
    def done(self) -> bool:
        """Whether every set-up has answered or failed."""
        return all(side.view.done for side in self.sides)

    @property
    def hidden(self) -> bool:
        """Whether the names must not be shown yet."""
        return self.blind and not self.vote


class Table:
    """The comparisons of one server, the last KEPT of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Comparison] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, made: Comparison) -> None:
        """Keep it; the oldest goes."""
        with self._lock:
            self._kept[made.id] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def get(self, identity: object) -> Comparison:
        """Raises ConfigError when there is none of this id."""
        with self._lock:
            found = self._kept.get(identity) if isinstance(identity, str) else None
        if found is None:
            raise ConfigError("There is no such comparison any more: compare again, then vote.")
        return found

    def claim(self, identity: object, vote: object) -> Comparison:
        """The comparison, with its one vote set. Raises ConfigError where it can't have this vote."""
        found = self.get(identity)
        if vote not in VOTES:
            raise ConfigError(f"The vote {str(vote)[:40]!r} cannot be counted: use {', '.join(VOTES)}.")
        if len(found.sides) != FEWEST:
            raise ConfigError(f"{len(found.sides)} set-ups were compared: votes are between two.")
        if not found.done or any(side.view.error for side in found.sides):
            raise ConfigError("Both set-ups have to answer before there can be a vote: compare again.")
        with self._lock:
            if found.vote:
                raise ConfigError("This comparison has its vote: compare again for another.")
            found.vote = str(vote)
        return found


def begin(name: str, question: object, setups: Mapping[str, SetUp], *, blind: bool) -> Comparison:
    """A comparison that has not run. Blind, it takes two set-ups in an order drawn by chance. Raises
    ConfigError for a question or a number of set-ups that can't be used."""
    text = asked(question)
    if not FEWEST <= len(setups) <= MOST:
        raise ConfigError(f"{len(setups)} different set-ups were chosen: compare {FEWEST} to {MOST} of them.")
    if blind and len(setups) != FEWEST:
        raise ConfigError(f"{len(setups)} set-ups were chosen: a blind comparison has two.")
    sides = [Side(label, setup, begun(text, setup)) for label, setup in setups.items()]
    if blind:
        SystemRandom().shuffle(sides)
    return Comparison(secrets.token_urlsafe(12), name, text, blind, sides)


def run(desk: Answers, made: Comparison) -> Generator[Any]:
    """Answer with one set-up after the other, yielding the kind of event whenever there is something new to
    draw, None when there is not. Closing it stops the model."""
    for side in made.sides:
        side.view.restart()
        for kind in follow(side.view, desk.events(made.experiment, side.setup, made.question)):
            side.view.warnings = desk.warnings(made.experiment, side.setup)
            yield kind


def record(made: Comparison) -> str:
    """Write the vote down in the workspace, and return how the two stand now, in one sentence."""
    from app.experiments import home
    from engine.evaluation.preference import verdict
    from storage import votes
    from storage.db import connect

    left, right = made.sides
    db = connect(home())
    try:
        votes.record(
            db,
            experiment=made.experiment,
            question=made.question,
            vote=made.vote,
            blind=made.blind,
            left=_kept(left),
            right=_kept(right),
        )
        first, second = sorted((left.name, right.name))
        counted = votes.tally(db, made.experiment, first, second)
    finally:
        db.close()
    said = verdict(counted["first"], counted["second"])
    return (
        f"First: {first}. Second: {second}. {counted['first']} to {counted['second']}, "
        f"{counted['tie']} ties, "
        f"both bad {counted['bad']}: {said}."
    )


def chosen(offered: Mapping[str, SetUp], names: Sequence[object]) -> dict[str, SetUp]:
    """The offered set-ups of these names, each once. Raises ConfigError for a name that is not offered."""
    picked: dict[str, SetUp] = {}
    for name in names:
        if not isinstance(name, str) or name not in offered:
            raise ConfigError(f"There is no set-up {str(name)[:60]!r}: choose among {'; '.join(offered)}.")
        picked[name] = offered[name]
    return picked


def _kept(side: Side) -> dict[str, Any]:
    trace = side.view.trace
    if trace is None:
        raise ConfigError("A set-up without an answer cannot be voted on: compare again.")
    return {
        "name": side.name,
        "setup": side.setup.model_dump(),
        "prompt": prompt(trace.question, trace.bullets),
        "bullets": [asdict(bullet) for bullet in trace.bullets],
        "answer": trace.answer.text,
        "raw": trace.answer.raw,
        "refused": trace.answer.refused,
        "trace": asdict(trace),
    }
