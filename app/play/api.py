"""The named endpoints, for gradio_client and any program: /ask, /compare, /vote. Plain JSON in and out.

/ask and /compare stream: every value is the whole of what is known so far, the last one is the answer, and a
client that leaves stops the model. What can't be asked is an error with its sentence; what fails on the way
keeps what was known in the same object, with the sentence under "error".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.events import api as endpoint

from app.play.ask import SLOT
from app.play.compare import Comparison, Table, begin, chosen, record, run
from app.play.desk import Answers
from app.play.setups import PLACE, SetUp, asked, made, presets
from app.play.view import View, begun, follow
from engine.errors import ConfigError, LabError
from storage.errors import StorageError


def add(desk: Answers, table: Table, *, votes: bool) -> None:
    """Add the endpoints to the open Blocks."""
    endpoint(_ask(desk), api_name="ask", concurrency_id=SLOT, concurrency_limit=1)
    endpoint(_compare(desk, table), api_name="compare", concurrency_id=SLOT, concurrency_limit=1)
    if votes:
        endpoint(_vote(table), api_name="vote", queue=False)


def described(desk: Answers, name: str, setup: SetUp, view: View) -> dict[str, Any]:
    """What is known about a question, as plain data: the keys of `ask --json`, with the set-up."""
    known: dict[str, Any] = {"question": view.question, "error": view.error, "done": view.done}
    if view.trace is not None:
        known |= desk.described(name, view.trace) | {"error": view.error}
    else:
        said = [turn.text or (turn.answer.raw if turn.answer else "") for turn in view.turns]
        known["bullets"] = [{"number": one.number, "text": one.text} for one in view.bullets or ()]
        known["draft"] = next(filter(None, reversed(said)), "")
        known["ms"] = {stage: round(value, 1) for stage, value in view.ms.items()}
    known |= {"experiment": name, "setup": setup.model_dump(), "setup_name": setup.label}
    return known | {"first_ms": view.first_ms, "total_ms": view.total_ms, "warnings": list(view.warnings)}


def _ask(desk: Answers) -> Callable[..., Iterator[dict[str, Any]]]:
    def ask(
        question: str, name: str = "", settings: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Answer a question of an experiment, with its whole trace.

        Parameters:
            question: the question, at most 2,000 characters
            name: the experiment's name; the newest if left out
            settings: changes to how it answers, like {"tiers": ["small", "large"], "k": 5}; a tier
                "endpoint" wants {"endpoint": {"base_url": ..., "model": ..., "key_env": "NAME_API_KEY"}}, and
                takes its "window" (tokens) and "price" (millions of parameters), where they are known
        Returns:
            answer, citations, bullets, verdict, decision, tier, tokens, ms by stage
        """
        with _plainly():
            text, name = asked(question), _named(desk, name)
            offer, wanted = desk.offer(name), dict(settings or {})
            tiers = wanted.pop("tiers", list(offer.usual))
            if not isinstance(tiers, list) or not set(map(str, tiers)) <= set(offer.tiers):
                raise ConfigError(f"There is no such tier: choose among {', '.join(offer.tiers)}.")
            where = wanted.pop("endpoint", None)
            if where is not None and not isinstance(where, dict):
                raise ConfigError(f"The endpoint is an object with {', '.join(PLACE)}.")
            setup = made(tiers, wanted, offer.answer, where)
        view = begun(text, setup)
        following = follow(view, desk.events(name, setup, text))
        try:
            for _ in following:
                view.warnings = desk.warnings(name, setup)
                yield described(desk, name, setup, view)
        finally:
            following.close()

    return ask


def _compare(desk: Answers, table: Table) -> Callable[..., Iterator[dict[str, Any]]]:
    def compare(question: str, name: str = "", setups: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """Answer a question in two to four set-ups, one after the other.

        Parameters:
            question: the question, at most 2,000 characters
            name: the experiment's name; the newest if left out
            setups: names of the set-ups, the first two of those offered if left out
        Returns:
            the comparison's id (for /vote), the set-ups offered, and one trace a side
        """
        with _plainly():
            name = _named(desk, name)
            offer = desk.offer(name)
            offered = presets(offer.tiers, offer.answer, offer.usual)
            made = begin(name, question, chosen(offered, setups or list(offered)[:2]), blind=False)
        table.put(made)
        running = run(desk, made)
        try:
            for _ in running:
                yield _compared(desk, made, list(offered))
        finally:
            running.close()

    return compare


def _vote(table: Table) -> Callable[..., dict[str, Any]]:
    def vote(comparison: str, vote: str) -> dict[str, Any]:
        """Vote on a comparison of two set-ups, once.

        Parameters:
            comparison: the id that /compare gave
            vote: left, right, tie or bad
        Returns:
            the vote and how the two set-ups stand now
        """
        with _plainly():
            made = table.claim(comparison, vote)
            return {"comparison": made.id, "vote": made.vote, "standing": record(made)}

    return vote


def _compared(desk: Answers, made: Comparison, offered: list[str]) -> dict[str, Any]:
    sides = [
        {"name": side.name} | described(desk, made.experiment, side.setup, side.view) for side in made.sides
    ]
    return {"comparison": made.id, "question": made.question, "offered": offered, "sides": sides}


def _named(desk: Answers, name: object) -> str:
    if name:
        return str(name)
    names = desk.names()
    if not names:
        raise ConfigError("There is no experiment yet: run `python -m jobs quickstart` first.")
    return names[0]


@contextmanager
def _plainly() -> Iterator[None]:
    """Turns what a person can mend into Gradio's error with the sentence alone."""
    try:
        yield
    except (LabError, StorageError) as error:
        raise gr.Error(str(error), print_exception=False) from error
