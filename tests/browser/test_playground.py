"""The playground as a person uses it: ask, jump to a citation, stop, compare, vote, wait in the queue.

The engine is scripted, the server and the browser are real.
"""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.play.setups import SetUp
from engine.errors import ModelError
from engine.inference.events import Event
from storage import votes
from storage.db import connect
from tests.app.scripted import (
    QUESTION,
    SECOND,
    TEXT,
    ScriptedDesk,
    accepted,
    answered,
    escalated,
    hit,
    refused,
)
from tests.browser.lab import sideways, violations
from tests.browser.playing import Serve, ask, choose, compare, opened

pytestmark = pytest.mark.browser

SCHEMES = ("light", "dark")
EVIL = "<img src=x onerror=alert(1)> **bold** ${alert(1)} {{value}} <script>alert(1)</script>"
NUMBERS = {
    **{"Chunks retrieved (k)": 7, "Most bullets": 4, "Samples before escalating": 5},
    **{"Temperature of samples": 1.5, "Draft stands from (accept)": 0.9, "Answered from (tau)": 0.5},
    "No further tier below": 0.1,
}


def scripted(question: str, setup: Any) -> list[Event | Exception]:
    """What happens depends on the question."""
    if "rings" in question:
        return list(refused())
    if "year" in question:
        return list(escalated())
    if "broken" in question:
        return [*accepted()[:3], ModelError("The endpoint does not answer: start it.")]
    return list(accepted())


def test_an_answer_is_shown_with_all_that_led_to_it_and_its_citation_jumps(
    page: Page, playing: Serve
) -> None:
    opened(page, playing(ScriptedDesk(scripted)))
    ask(page, QUESTION)
    answer = page.locator("#ask-answer")
    expect(answer).to_contain_text("Accepted")
    expect(answer).to_contain_text("Christiaan Huygens [2]")
    expect(page.locator("#ask-steps").get_by_role("row", name="numbers match")).to_contain_text("1.00")
    expect(page.locator("#ask-cost")).to_contain_text("6 % of asking large alone")
    expect(page.locator("#ask-evidence")).to_contain_text("20 tokens as bullets instead of 60")
    mark = page.locator("#ask-b2")
    expect(mark).to_have_text(f"[2] {SECOND}")
    answer.get_by_role("link", name="bullet 2").click()
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport()


def test_an_example_fills_the_question(page: Page, playing: Serve) -> None:
    opened(page, playing(ScriptedDesk(scripted)))
    page.get_by_label("Examples from the experiment's questions").click()
    page.get_by_role("option", name=QUESTION).click()
    expect(page.get_by_label("Question", exact=True)).to_have_value(QUESTION)


def test_escalated_refused_and_broken_say_why(page: Page, playing: Serve) -> None:
    opened(page, playing(ScriptedDesk(scripted)))
    answer = page.locator("#ask-answer")
    ask(page, "In which year was Titan discovered?")
    expect(answer).to_contain_text("Escalated")
    expect(page.locator("#ask-steps")).to_contain_text("Escalated: the year 1969 is not in bullet 2.")
    ask(page, "How many rings does it have?")
    expect(answer).to_contain_text("Refused: the reader finds no answer in the evidence.")
    expect(page.locator("#ask-evidence")).to_contain_text("Low relevance")
    ask(page, "Is it broken?")
    expect(answer).to_contain_text("The endpoint does not answer: start it.")
    expect(page.locator("#ask-evidence")).to_contain_text(TEXT[:20])


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "The question is empty: write one"),
        ("x" * 100_000, "has 100,000 characters and 2,000 can be asked"),
    ],
)
def test_what_cannot_be_asked_is_said(page: Page, playing: Serve, question: str, said: str) -> None:
    desk = ScriptedDesk(scripted)
    opened(page, playing(desk))
    ask(page, question)
    expect(page.locator("#ask-status")).to_contain_text(said)
    assert desk.closed == 0


def test_an_experiment_that_was_deleted_meanwhile_is_said(page: Page, playing: Serve) -> None:
    desk = ScriptedDesk(scripted)
    opened(page, playing(desk))
    desk.gone.add("space")
    ask(page, QUESTION)
    expect(page.locator("#ask-status")).to_contain_text("There is no experiment 'space' yet.")


def test_every_control_of_the_strip_reaches_the_model(page: Page, playing: Serve) -> None:
    asked: list[SetUp] = []
    opened(page, playing(ScriptedDesk(lambda question, setup: asked.append(setup) or list(accepted()))))
    page.get_by_role("button", name="Settings").click()
    place = page.get_by_label("Endpoint's base URL")
    expect(place).to_be_hidden()
    page.get_by_label("OpenAI-compatible endpoint").check()
    place.fill("http://127.0.0.1:9/v1")
    page.get_by_label("Endpoint's model").fill("far")
    page.get_by_label("Name of the variable with its key").fill("FAR_API_KEY")
    page.get_by_label("large model").uncheck()
    page.get_by_label("json", exact=True).check()
    for label, value in NUMBERS.items():
        number = page.get_by_label(f"number input for {label}")
        number.fill(str(value))
        number.press("Tab")
    page.get_by_label("Compress it to bullets").uncheck()
    page.get_by_label("Ask all tiers but the last").check()
    ask(page, QUESTION)
    expect(page.locator("#ask-answer")).to_contain_text("Accepted")
    (setup,) = asked
    spec = setup.answer
    assert setup.tiers == ("adapter", "endpoint") and setup.endpoint is not None
    assert (setup.endpoint.model, setup.endpoint.key_env) == ("far", "FAR_API_KEY")
    assert (spec.k, spec.bullets, spec.samples, spec.temperature) == (7, 4, 5, 1.5)
    assert (spec.accept, spec.tau, spec.hopeless) == (0.9, 0.5, 0.1)
    assert (spec.shape, spec.evidence, spec.compress, spec.ensemble) == ("json", True, False, True)
    page.get_by_label("Name of the variable with its key").fill("sk-not-a-name")
    ask(page, QUESTION)
    expect(page.locator("#ask-status")).to_contain_text("which ends in _API_KEY")
    assert len(asked) == 1


def test_stop_works_at_once_keeps_what_was_found_and_the_next_question_is_heard(
    page: Page, playing: Serve
) -> None:
    """The next one is asked the moment the page says it stopped: it used to be lost now and then."""
    desk = ScriptedDesk(scripted)
    opened(page, playing(desk))
    for done in range(3):
        desk.gate = threading.Event()
        ask(page, QUESTION)
        expect(page.locator("#ask-answer")).to_contain_text("Draft of small")
        assert desk.running == 1
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.locator("#ask-status")).to_contain_text("Stopped. What was found until then stays below.")
        expect(page.locator("#ask-evidence")).to_contain_text(SECOND)
        assert desk.running == 0 and desk.closed == 2 * done + 1
        desk.gate.set()
        ask(page, "How many rings does it have?")
        expect(page.locator("#ask-answer")).to_contain_text("Refused")
        expect(page.locator("#ask-status")).to_contain_text("Answered in")


def test_a_closed_tab_frees_the_model(page: Page, browser: Browser, playing: Serve) -> None:
    desk = ScriptedDesk(scripted)
    desk.gate = threading.Event()
    url = playing(desk)
    other = browser.new_page()
    opened(other, url)
    ask(other, QUESTION)
    expect(other.locator("#ask-answer")).to_contain_text("Chris")
    other.close()
    opened(page, url)
    for _ in range(1200):
        if not desk.running:
            break
        page.wait_for_timeout(100)
    assert (desk.running, desk.closed) == (0, 1)  # though its gate was never opened
    desk.gate.set()
    ask(page, QUESTION)
    expect(page.locator("#ask-answer")).to_contain_text("Accepted")


def test_two_people_wait_in_one_queue_and_the_second_sees_the_place(
    page: Page, browser: Browser, playing: Serve
) -> None:
    desk = ScriptedDesk(scripted)
    desk.gate = threading.Event()
    url = playing(desk)
    other = browser.new_page()
    opened(page, url)
    opened(other, url)
    ask(page, QUESTION)
    expect(page.locator("#ask-answer")).to_contain_text("Chris")
    ask(other, QUESTION)
    expect(other.locator("#ask-status")).to_contain_text("queue: 1/1")
    desk.gate.set()
    expect(other.locator("#ask-answer")).to_contain_text("Christiaan Huygens")
    expect(page.locator("#ask-answer")).to_contain_text("Christiaan Huygens")
    assert desk.most == 1
    other.close()


def test_a_blind_vote_is_kept_and_then_the_names_are_shown(
    page: Page, playing: Serve, tmp_path: Path
) -> None:
    opened(page, playing(ScriptedDesk(scripted)))
    compare(page, blind=True)
    expect(page.locator("#compare-status")).to_contain_text("Which answer is better?")
    left, right = page.locator("#compare-0"), page.locator("#compare-1")
    expect(left.get_by_role("heading", level=2)).to_have_text("Left")
    expect(right.get_by_role("heading", level=2)).to_have_text("Right")
    for side in (left, right):
        expect(side).to_contain_text("Christiaan Huygens")
        expect(side).not_to_contain_text("small")
    page.get_by_role("button", name="Left is better").click()
    expect(page.locator("#compare-status")).to_contain_text("Your vote is kept: the left one.")
    expect(page.locator("#compare-score")).to_contain_text(re.compile(r"interval (21 to 100|0 to 79) %"))
    names = {
        left.get_by_role("heading", level=2).inner_text(),
        right.get_by_role("heading", level=2).inner_text(),
    }
    assert names == {"cascade: small + adapter, then large", "small + adapter"}
    (row,) = votes.read(connect(tmp_path))
    assert row["blind"] and row["vote"] == "left" and {row["left_name"], row["right_name"]} == names
    expect(page.get_by_role("button", name="Tie")).to_be_disabled()


def test_four_set_ups_stand_side_by_side(page: Page, playing: Serve) -> None:
    opened(page, playing(ScriptedDesk(scripted)))
    page.get_by_role("tab", name="Compare").click()
    choose(page, 3, "large")
    choose(page, 4, "reader")
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    for place, name in enumerate(("cascade", "small + adapter", "large", "reader")):
        expect(page.locator(f"#compare-{place}").get_by_role("heading", level=2)).to_contain_text(name)
        expect(page.locator(f"#compare-{place}")).to_contain_text("80 in, 6 out")
    expect(page.get_by_role("button", name="Tie")).to_be_disabled()


def test_what_is_set_under_ask_can_be_compared(page: Page, playing: Serve) -> None:
    asked: list[SetUp] = []
    opened(page, playing(ScriptedDesk(lambda question, setup: asked.append(setup) or list(accepted()))))
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("sentence", exact=True).check()
    page.get_by_role("tab", name="Compare").click()
    choose(page, 2, "as set under Ask")
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    expect(page.locator("#compare-1").get_by_role("heading", level=2)).to_have_text("as set under Ask")
    assert [setup.answer.shape for setup in asked] == ["short", "sentence"]


def test_comparing_can_be_stopped(page: Page, playing: Serve) -> None:
    desk = ScriptedDesk(scripted)
    desk.gate = threading.Event()
    opened(page, playing(desk))
    compare(page)
    expect(page.locator("#compare-0")).to_contain_text("Chris")
    page.get_by_role("button", name="Stop comparing").click()
    expect(page.locator("#compare-status")).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Tie")).to_be_disabled()


def test_nobodys_text_becomes_markup(page: Page, playing: Serve) -> None:
    def script(question: str, setup: Any) -> list[Event | Exception]:
        events = list(accepted(EVIL))
        events[0] = type(events[0])((hit(f"{TEXT} {EVIL}", title=EVIL),), 1.0)  # type: ignore[call-arg, arg-type]
        events[-1] = type(events[-1])(answered(EVIL, decision=EVIL, notes=(EVIL,)))  # type: ignore[call-arg, arg-type]
        return list(events)

    seen: list[str] = []
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    opened(page, playing(ScriptedDesk(script)))
    ask(page, EVIL)
    expect(page.locator("#ask-answer")).to_contain_text(EVIL)
    expect(page.locator("#ask-evidence")).to_contain_text(EVIL)
    assert page.locator("#ask-answer img, #ask-evidence img, #ask-answer strong, #ask-cost img").count() == 0
    compare(page, EVIL)
    expect(page.locator("#compare-0")).to_contain_text(EVIL)
    assert page.locator('img[src="x"]').count() == 0 and seen == []


def test_the_space_has_no_votes(page: Page, playing: Serve) -> None:
    opened(page, playing(ScriptedDesk(scripted), read_only=True))
    compare(page)
    expect(page.locator("#compare-status")).to_have_text("Done.")
    expect(page.get_by_role("button", name="Tie")).to_have_count(0)
    expect(page.get_by_label("Blind")).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(page: Page, playing: Serve, scheme: str) -> None:
    opened(page, playing(ScriptedDesk(scripted)), scheme)
    assert violations(page) == []
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("OpenAI-compatible endpoint").check()
    expect(page.get_by_label("Endpoint's base URL")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("OpenAI-compatible endpoint").uncheck()
    for question, ending in ((QUESTION, "Accepted"), ("Which year?", "Escalated"), ("rings?", "Refused")):
        ask(page, question)
        expect(page.locator("#ask-answer")).to_contain_text(ending)
        expect(page.locator("#ask-status")).to_contain_text("Answered in")
        assert violations(page) == [], ending
    ask(page, "")
    expect(page.locator("#ask-status")).to_contain_text("The question is empty")
    assert violations(page) == []
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    assert violations(page) == []
    page.get_by_role("button", name="Tie").click()
    expect(page.locator("#compare-score")).to_contain_text("1 ties")
    assert violations(page) == []


def test_nothing_is_wider_than_a_telephone(page: Page, playing: Serve) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, playing(ScriptedDesk(scripted)))
    ask(page, QUESTION)
    expect(page.locator("#ask-answer")).to_contain_text("Accepted")
    assert sideways(page) <= 0
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    assert sideways(page) <= 0
