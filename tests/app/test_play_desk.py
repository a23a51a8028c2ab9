"""The desk: the calibration's defaults, the adapter's check, a large tier that is missing, one at a time."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.play import desk as desks
from app.play.desk import ABSENT, Desk
from app.play.offers import EXAMPLES
from app.play.setups import PATIENCE, SetUp, made
from engine.artifact import write_json
from engine.data.records import Question
from engine.errors import ConfigError, ModelError
from engine.inference.events import Event, Token
from engine.inference.orchestrator import Parts
from engine.inference.spec import AnswerSpec
from engine.inference.tiers import Absent, Asked
from jobs.cascade import cascade
from jobs.opened import Opened
from tests.app.scripted import QUESTION, accepted
from tests.jobs.test_cascade import MADE_OF, kept
from tests.servers import Server, serving

GONE = "The hub cannot be reached to fetch the large model: check the network."


class Experiment(Opened):
    """An experiment without models or index. Its calibration, where it has one, is a real one."""

    def __init__(self, place: Path) -> None:
        arm = {"answer": {"tau": 0.2}, "threshold": None}
        spec = {"small": "small", "large": "large"}
        super().__init__("space", place, {**MADE_OF, "spec": spec, "arms": {"lora+rag+compress": arm}})
        asked = [Question(f"q{n}", f"Question {n}?", ("yes",), split="test") for n in range(30)]
        vars(self).update(index=None, reader=object(), adapter=place / "adapter", titles={"titan": "Titan"})
        vars(self).update(questions=(*asked, Question("u", "Unanswerable?", split="test")))
        self.words: list[str] = []
        self.misfit = ""
        self.lost = False
        self.asked = 0

    def parts(self, arm: str | None = None) -> Parts:
        return Parts(None)

    def warnings(self, tier: str) -> list[str]:
        if self.misfit:
            raise ModelError(self.misfit)
        return self.words

    def tier(self, name: str) -> Any:
        self.asked += name == "large"
        if name == "large" and self.lost:
            return Lost()
        return SimpleNamespace(name=name, loaded=object())

    def ladder(self, *tiers: Any) -> Parts:
        return Parts(None, tiers=tuple(self.tier(one) if isinstance(one, str) else one for one in tiers))


class Lost:
    """A tier whose model can't be had."""

    name = "large"

    @property
    def loaded(self) -> Any:
        raise ModelError(GONE)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    write_json(tmp_path / "manifest.json", {})
    found = Experiment(tmp_path)
    monkeypatch.setattr(desks, "open_experiment", lambda name, device: found)
    return found


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Parts]:
    """The parts that each question was answered with."""
    seen: list[Parts] = []

    def answer(parts: Parts, question: str, spec: AnswerSpec) -> Iterator[Event]:
        seen.append(parts)
        yield from accepted()

    monkeypatch.setattr("engine.inference.orchestrator.answer", answer)
    return seen


def told(desk: Desk, *tiers: str) -> list[Event]:
    """All events of a question, without the moments in which nothing comes."""
    return [event for event in desk.events("space", setup(*tiers), QUESTION) if event is not None]


def setup(*tiers: str) -> SetUp:
    return made(tiers, {}, AnswerSpec(tau=0.2, accept=0.7))


def test_without_a_calibration_the_defaults_are_the_arms_and_it_is_said(opened: Experiment) -> None:
    offer = Desk().offer("space")
    assert offer.usual == ("adapter", "large") and offer.answer.tau == 0.2 and not offer.calibrated
    assert (
        "No cascade is calibrated for space" in offer.notes[0]
        and "jobs calibrate --name space" in offer.notes[0]
    )


def test_the_last_calibration_gives_tiers_thresholds_beliefs_and_router(
    opened: Experiment, served: list[Parts]
) -> None:
    """The router's threshold once came without the router, and was held against a cosine."""
    kept("space", easy=True)
    dials = cascade("space", budget=0.5, route=True)["settings"]
    offer = Desk().offer("space")
    assert offer.calibrated and offer.usual == ("small", "large") and offer.notes == ()
    chosen = {name: getattr(offer.answer, name) for name in ("accept", "tau", "route")}
    assert chosen == {name: dials[name] for name in chosen} and chosen["route"] > 0
    list(Desk().events("space", SetUp(tiers=offer.usual, answer=offer.answer), QUESTION))
    believes = opened.cascade()[0]  # type: ignore[index]
    assert set(served[0].calibrations) == {"small", "large"}
    assert (served[0].calibrations, served[0].router) == (believes.calibrations, believes.router)
    assert served[0].router is not None and Desk().warnings("space", setup("small")) == []


def test_examples_are_spread_over_the_test_questions_with_one_unanswerable(opened: Experiment) -> None:
    examples = Desk().offer("space").examples
    assert len(examples) == EXAMPLES and examples[-1] == "Unanswerable?" and examples[0] == "Question 0?"


def test_an_experiment_without_an_adapter_offers_none(opened: Experiment) -> None:
    opened.adapter = None
    opened.manifest["arms"]["rag+compress"] = opened.manifest["arms"].pop("lora+rag+compress")
    offer = Desk().offer("space")
    assert offer.tiers == ("small", "reader", "large", "endpoint") and offer.usual == ("small", "large")


def test_what_differs_from_training_is_said_and_another_base_is_refused(
    opened: Experiment, served: list[Parts]
) -> None:
    desk = Desk()
    opened.words = ["the adapter was trained on another index"]
    told(desk, "adapter")
    doubt, guess = desk.warnings("space", setup("adapter"))
    assert [doubt] == opened.words and guess.startswith("not calibrated here: adapter. Such a score")
    told(desk, "small")
    assert desk.warnings("space", setup("small")) == [guess.replace("adapter", "small")]
    opened.misfit = "The adapter was trained for base 'another'."
    with pytest.raises(ModelError, match="base 'another'"):
        told(desk, "adapter")
    assert len(served) == 2


def test_a_large_tier_that_cannot_be_had_is_not_asked_and_named(
    opened: Experiment, served: list[Parts]
) -> None:
    opened.lost = True
    desk = Desk()
    for _ in range(3):
        events = told(desk, "adapter", "large")
        here, gone = served[-1].tiers
        assert here.name == "adapter" and gone == Absent("large", ABSENT) and len(events) == len(accepted())
        assert f"answered without the large tier: {GONE}" in desk.warnings("space", setup("adapter", "large"))
    assert opened.asked == 1  # not at every question
    with pytest.raises(ModelError, match=ABSENT):
        gone.tokens(Asked(QUESTION))


def test_the_large_tier_alone_is_not_left_out(opened: Experiment, served: list[Parts]) -> None:
    opened.lost = True
    told(Desk(), "large")
    assert [type(tier) for tier in served[0].tiers] == [Lost]


def test_a_question_holds_the_desk_until_it_is_closed(
    opened: Experiment, served: list[Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "WAIT", 0.01)
    desk = Desk()
    first = desk.events("space", setup("small"), QUESTION)
    next(first)
    with pytest.raises(ConfigError, match="still busy"):
        next(desk.events("space", setup("small"), QUESTION))
    first.close()  # type: ignore[attr-defined]
    assert len(told(desk, "small")) == len(accepted())


def test_a_failure_frees_the_desk(opened: Experiment, served: list[Parts]) -> None:
    desk = Desk()
    opened.misfit = "no"
    with pytest.raises(ModelError):
        told(desk, "adapter")
    opened.misfit = ""
    assert told(desk, "adapter")


def test_an_experiment_that_is_deleted_while_it_is_asked_is_answered_and_then_gone(
    opened: Experiment, served: list[Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    events = desk.events("space", setup("adapter"), QUESTION)
    next(events)

    def gone(name: str, device: str | None) -> Experiment:
        raise ConfigError(f"There is no experiment {name!r} yet.")

    monkeypatch.setattr(desks, "open_experiment", gone)
    *_, end = events
    said = desk.described("space", end.trace)  # type: ignore[union-attr]
    assert said["answer"] == "Christiaan Huygens" and said["citations"][0]["title"] == "Titan"
    assert len(desk.warnings("space", setup("adapter"))) == 1
    with pytest.raises(ConfigError, match="no experiment 'space'"):
        told(desk, "adapter")


def test_warming_says_nothing_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    desk = Desk()
    desk.warm()
    assert desk.names() == []
    with pytest.raises(ConfigError, match="There is no experiment 'space' yet"):
        desk.offer("space")
    with pytest.raises(ConfigError, match="cannot be used"):
        desk.offer("../../etc")


# Servers


def asking(server: Server, opened: Experiment) -> SetUp:
    where = {"base_url": server.url, "model": "far", "window": 4096, "price": 70}
    return made(["endpoint"], {"evidence": False, "tau": None}, AnswerSpec(), where)


def test_an_endpoint_answers_as_a_tier(opened: Experiment) -> None:
    with serving(lambda body: "Huygens") as server:
        events = list(Desk().events("space", asking(server, opened), QUESTION))
    trace = events[-1].trace  # type: ignore[union-attr]
    assert (trace.answer.text, trace.tier, trace.error) == ("Huygens", "far", "")
    assert any(isinstance(event, Token) and event.text == "Huygens" for event in events)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (429, "429"),
        (401, "401"),
        ("drop", ""),
        ("break", "in the middle"),
        ((200, {}, "<html>no</html>"), ""),
    ],
    ids=["429", "401", "drop", "break", "html"],
)
def test_an_endpoint_that_fails_is_said_and_frees_the_desk(fault: Any, said: str, opened: Experiment) -> None:
    desk = Desk()
    with serving() as server:
        server.script.extend([fault] * (1 + PATIENCE["retries"]))
        *_, failed = desk.events("space", asking(server, opened), QUESTION)
        error = failed.trace.error  # type: ignore[union-attr]
        assert said in error and error.endswith(".") and "\n" not in error
        server.script.clear()
        *_, last = desk.events("space", asking(server, opened), QUESTION)
        assert (last.trace.answer.text, last.trace.error) == ("Paris", "")  # type: ignore[union-attr]


def test_a_server_that_never_answers_does_not_hold_the_desk(opened: Experiment) -> None:
    """Stopping leaves the call to its own time-out; the next question is answered meanwhile."""
    desk = Desk()
    with serving(script=["hang"]) as server:
        events = desk.events("space", asking(server, opened), QUESTION)
        for event in events:
            if event is None and server.seen:
                break
        events.close()  # type: ignore[attr-defined]
        *_, last = desk.events("space", asking(server, opened), QUESTION)
        assert last.trace.answer.text == "Paris"  # type: ignore[union-attr]


def test_a_space_asks_no_endpoint(opened: Experiment) -> None:
    desk = Desk(endpoints=False)
    assert "endpoint" not in desk.offer("space").tiers
    with serving() as server, pytest.raises(ConfigError, match="No endpoint can be asked here"):
        list(desk.events("space", asking(server, opened), QUESTION))
    assert server.seen == []
