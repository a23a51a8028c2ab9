"""The playground as a person uses it: ask, jump to a citation, stop, compare, vote, wait in the queue.

The engine is scripted, the server and the browser are real. With BANTAM_SCREENS=WORKSPACE pictures of the
real playground on that workspace go to docs/screens/.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app import playground
from app.play import panels
from app.play.desk import Answers, Desk
from app.play.setups import SetUp
from app.play.view import begun, follow
from engine.errors import ModelError
from engine.inference.events import Event
from engine.inference.verify import overlap
from jobs.opened import open_experiment
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

pytestmark = pytest.mark.browser

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
SCHEMES = ("light", "dark")
EVIL = "<img src=x onerror=alert(1)> **bold** ${alert(1)} {{value}} <script>alert(1)</script>"
PICTURES = (  # how it ends, theme, name of the picture
    ("accepted", "light", "light"),
    ("escalated", "light", "light"),
    ("refused", "light", "light"),
    ("escalated", "dark", "dark"),
    ("accepted", "light", "phone"),
)
NUMBERS = {
    **{"Chunks retrieved (k)": 7, "Most bullets": 4, "Samples before escalating": 5},
    **{"Temperature of samples": 1.5, "Draft stands from (accept)": 0.9, "Answered from (tau)": 0.5},
    "No further tier below": 0.1,
}
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a playground on a desk and gives its address."""
    monkeypatch.setenv("BANTAM_HOME", str(tmp_path))
    running = []

    def started(desk: Answers, **options: Any) -> str:
        blocks = playground.build(desk, **options)
        _, url, _ = blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, **playground.settings())
        running.append(blocks)
        return str(url)

    yield started
    for blocks in running:
        blocks.close(verbose=False)


def scripted(question: str, setup: Any) -> list[Event | Exception]:
    """What happens depends on the question."""
    if "rings" in question:
        return list(refused())
    if "year" in question:
        return list(escalated())
    if "broken" in question:
        return [*accepted()[:3], ModelError("The endpoint does not answer: start it.")]
    return list(accepted())


def opened(page: Page, url: str, scheme: str = "light") -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{url}?__theme={scheme}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bantam playground")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_enabled()
    expect(page.get_by_text("Loading...")).to_have_count(0)


def ask(page: Page, question: str) -> None:
    page.get_by_label("Question", exact=True).fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()


def compare(page: Page, question: str = QUESTION, *, blind: bool = False) -> None:
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("Question to compare on").fill(question)
    if blind:
        page.get_by_label("Blind").check()
    page.get_by_role("button", name="Compare", exact=True).click()


def choose(page: Page, place: int, name: str) -> None:
    """Choose the set-up at a place, from 1."""
    page.get_by_label(f"Set-up {place}").click()
    page.locator(f"#compare-setup-{place - 1}").get_by_role("option", name=name, exact=True).click()


def violations(page: Page) -> list[str]:
    """What axe finds wrong, one line each with the first elements it means."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: "
        + " | ".join(f"{node['html'][:120]} {node['failureSummary']}" for node in one["nodes"][:3])
        for one in found
    ]


def sideways(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_an_answer_is_shown_with_all_that_led_to_it_and_its_citation_jumps(page: Page, serve: Serve) -> None:
    opened(page, serve(ScriptedDesk(scripted)))
    ask(page, QUESTION)
    answer = page.locator("#ask-answer")
    expect(answer).to_contain_text("Accepted")
    expect(answer).to_contain_text("Christiaan Huygens [2]")
    expect(page.locator("#ask-steps").get_by_role("row", name="numbers match")).to_contain_text("1.00")
    expect(page.locator("#ask-cost")).to_contain_text("6 % of asking the large model alone")
    expect(page.locator("#ask-evidence")).to_contain_text("20 tokens as bullets instead of 60")
    mark = page.locator("#ask-b2")
    expect(mark).to_have_text(f"[2] {SECOND}")
    answer.get_by_role("link", name="bullet 2").click()
    expect(mark).to_be_focused()
    expect(mark).to_be_in_viewport()


def test_an_example_fills_the_question(page: Page, serve: Serve) -> None:
    opened(page, serve(ScriptedDesk(scripted)))
    page.get_by_label("Examples from the experiment's questions").click()
    page.get_by_role("option", name=QUESTION).click()
    expect(page.get_by_label("Question", exact=True)).to_have_value(QUESTION)


def test_escalated_refused_and_broken_say_why(page: Page, serve: Serve) -> None:
    opened(page, serve(ScriptedDesk(scripted)))
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
def test_what_cannot_be_asked_is_said(page: Page, serve: Serve, question: str, said: str) -> None:
    desk = ScriptedDesk(scripted)
    opened(page, serve(desk))
    ask(page, question)
    expect(page.locator("#ask-status")).to_contain_text(said)
    assert desk.closed == 0


def test_an_experiment_that_was_deleted_meanwhile_is_said(page: Page, serve: Serve) -> None:
    desk = ScriptedDesk(scripted)
    opened(page, serve(desk))
    desk.gone.add("space")
    ask(page, QUESTION)
    expect(page.locator("#ask-status")).to_contain_text("There is no experiment 'space' yet.")


def test_every_control_of_the_strip_reaches_the_model(page: Page, serve: Serve) -> None:
    asked: list[SetUp] = []
    opened(page, serve(ScriptedDesk(lambda question, setup: asked.append(setup) or list(accepted()))))
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
    page: Page, serve: Serve
) -> None:
    """The next one is asked the moment the page says it stopped: it used to be lost now and then."""
    desk = ScriptedDesk(scripted)
    opened(page, serve(desk))
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


def test_a_closed_tab_frees_the_model(page: Page, browser: Browser, serve: Serve) -> None:
    desk = ScriptedDesk(scripted)
    desk.gate = threading.Event()
    url = serve(desk)
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
    page: Page, browser: Browser, serve: Serve
) -> None:
    desk = ScriptedDesk(scripted)
    desk.gate = threading.Event()
    url = serve(desk)
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


def test_a_blind_vote_is_kept_and_then_the_names_are_shown(page: Page, serve: Serve, tmp_path: Path) -> None:
    opened(page, serve(ScriptedDesk(scripted)))
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


def test_four_set_ups_stand_side_by_side(page: Page, serve: Serve) -> None:
    opened(page, serve(ScriptedDesk(scripted)))
    page.get_by_role("tab", name="Compare").click()
    choose(page, 3, "large")
    choose(page, 4, "reader")
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    for place, name in enumerate(("cascade", "small + adapter", "large", "reader")):
        expect(page.locator(f"#compare-{place}").get_by_role("heading", level=2)).to_contain_text(name)
        expect(page.locator(f"#compare-{place}")).to_contain_text("80 in, 6 out")
    expect(page.get_by_role("button", name="Tie")).to_be_disabled()


def test_what_is_set_under_ask_can_be_compared(page: Page, serve: Serve) -> None:
    asked: list[SetUp] = []
    opened(page, serve(ScriptedDesk(lambda question, setup: asked.append(setup) or list(accepted()))))
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("sentence", exact=True).check()
    page.get_by_role("tab", name="Compare").click()
    choose(page, 2, "as set under Ask")
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    expect(page.locator("#compare-1").get_by_role("heading", level=2)).to_have_text("as set under Ask")
    assert [setup.answer.shape for setup in asked] == ["short", "sentence"]


def test_comparing_can_be_stopped(page: Page, serve: Serve) -> None:
    desk = ScriptedDesk(scripted)
    desk.gate = threading.Event()
    opened(page, serve(desk))
    compare(page)
    expect(page.locator("#compare-0")).to_contain_text("Chris")
    page.get_by_role("button", name="Stop comparing").click()
    expect(page.locator("#compare-status")).to_contain_text("Stopped.")
    expect(page.get_by_role("button", name="Tie")).to_be_disabled()


def test_nobodys_text_becomes_markup(page: Page, serve: Serve) -> None:
    def script(question: str, setup: Any) -> list[Event | Exception]:
        events = list(accepted(EVIL))
        events[0] = type(events[0])((hit(f"{TEXT} {EVIL}", title=EVIL),), 1.0)  # type: ignore[call-arg, arg-type]
        events[-1] = type(events[-1])(answered(EVIL, decision=EVIL, notes=(EVIL,)))  # type: ignore[call-arg, arg-type]
        return list(events)

    seen: list[str] = []
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    opened(page, serve(ScriptedDesk(script)))
    ask(page, EVIL)
    expect(page.locator("#ask-answer")).to_contain_text(EVIL)
    expect(page.locator("#ask-evidence")).to_contain_text(EVIL)
    assert page.locator("#ask-answer img, #ask-evidence img, #ask-answer strong, #ask-cost img").count() == 0
    compare(page, EVIL)
    expect(page.locator("#compare-0")).to_contain_text(EVIL)
    assert page.locator('img[src="x"]').count() == 0 and seen == []


def test_the_space_has_no_votes(page: Page, serve: Serve) -> None:
    opened(page, serve(ScriptedDesk(scripted), read_only=True))
    compare(page)
    expect(page.locator("#compare-status")).to_have_text("Done.")
    expect(page.get_by_role("button", name="Tie")).to_have_count(0)
    expect(page.get_by_label("Blind")).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(page: Page, serve: Serve, scheme: str) -> None:
    opened(page, serve(ScriptedDesk(scripted)), scheme)
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


def test_nothing_is_wider_than_a_telephone(page: Page, serve: Serve) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, serve(ScriptedDesk(scripted)))
    ask(page, QUESTION)
    expect(page.locator("#ask-answer")).to_contain_text("Accepted")
    assert sideways(page) <= 0
    compare(page)
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    assert sideways(page) <= 0


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("BANTAM_SCREENS"), reason="pictures are made when asked for")
def test_pictures_of_the_real_playground(page: Page, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a test of answers: the first questions that end in each way are kept as they are."""
    monkeypatch.setenv("BANTAM_HOME", os.environ["BANTAM_SCREENS"])
    desk = Desk()
    (name, *_) = desk.names()
    url, questions = serve(desk), ended(desk, name)
    for ending, scheme, kind in PICTURES:
        page.set_viewport_size({"width": 390 if kind == "phone" else 1280, "height": 900})
        opened(page, url, scheme)
        ask(page, questions[ending])
        expect(page.locator("#ask-answer .bt-badge")).to_have_text(ending.capitalize())
        expect(page.locator("#ask-status")).to_contain_text("Answered in")
        page.screenshot(path=SCREENS / f"playground-{ending}-{kind}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    opened(page, url)
    page.get_by_role("button", name="Settings").click()
    page.screenshot(path=SCREENS / "playground-settings-light.png", full_page=True)
    page.get_by_role("tab", name="Compare").click()
    choose(page, 3, "large")
    compare(page, questions["escalated"])
    expect(page.locator("#compare-status")).to_contain_text("Done.")
    page.screenshot(path=SCREENS / "playground-compare-light.png", full_page=True)


def ended(desk: Desk, name: str) -> dict[str, str]:
    """A question for each ending: the first that is answered so, and rightly; for a refusal, one that has
    nothing to do with the documents."""
    offer = desk.offer(name)
    setup = SetUp(tiers=offer.usual, answer=offer.answer)
    found = {"refused": "What is the capital of France?"}
    for question in open_experiment(name).test:
        view = begun(question.question, setup)
        for _ in follow(view, desk.events(name, setup, question.question)):
            pass
        said = view.trace.answer.text if view.trace else ""
        if max((overlap(said, gold) for gold in question.answers), default=0.0) > 0.8:
            found.setdefault(panels.ending(view), question.question)
        if len(found) == 3:
            break
    return found
