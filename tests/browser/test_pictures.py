"""Pictures of the playground and the lab on a real workspace, for docs/screens. They test no answer.

BANTAM_SCREENS_HOME=WORKSPACE makes them; the workspace wants a finished experiment with a calibration and
stays as it is.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from app.play import panels
from app.play.desk import Desk
from app.play.setups import SetUp
from app.play.view import begun, follow
from engine.inference.verify import overlap
from jobs.opened import open_experiment
from tests.browser.conftest import PATIENCE
from tests.browser.lab import SCREENS, Lab
from tests.browser.playing import Serve, ask, choose, compare, opened

HOME = os.environ.get("BANTAM_SCREENS_HOME", "")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not HOME, reason="pictures are made when asked for"),
]
PICTURES = (  # how it ends, theme, name of the picture
    ("accepted", "light", "light"),
    ("escalated", "light", "light"),
    ("refused", "light", "light"),
    ("escalated", "dark", "dark"),
    ("accepted", "light", "phone"),
)
LAB: tuple[tuple[str, Literal["light", "dark"], str, int, int], ...] = (
    ("overview", "light", "light", 1280, 1400),
    ("overview", "dark", "dark", 1280, 1400),
    ("overview", "light", "phone", 390, 1800),
    ("evaluate", "light", "light", 1280, 2400),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HOME, tmp_path / "home"))


@pytest.mark.parametrize(("name", "scheme", "kind", "width", "height"), LAB)
def test_pictures_of_the_lab(
    name: str,
    scheme: Literal["light", "dark"],
    kind: str,
    width: int,
    height: int,
    workspace: Path,
    serve: Callable[[Path], Lab],
    browser: Browser,
) -> None:
    with browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        serve(workspace).open(page, name)
        page.screenshot(path=SCREENS / f"{name}-space-{kind}.png")


def test_pictures_of_the_real_playground(
    page: Page, playing: Serve, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a test of answers: the first questions that end in each way are kept as they are."""
    monkeypatch.setenv("BANTAM_HOME", str(workspace))
    desk = Desk()
    (name, *_) = desk.names()
    url, questions = playing(desk), ended(desk, name)
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
