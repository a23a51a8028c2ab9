"""Every page of the lab in a real browser, on an empty and a full workspace, light and dark: no
accessibility rule broken, nothing to scroll sideways on a phone, hostile names are text, reachable by
keyboard.

BANTAM_SCREENS=1 also writes the pictures in docs/screens.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from app.frame import PAGES
from tests.app import filled
from tests.browser.conftest import PATIENCE
from tests.browser.lab import Lab, drawn, go, picture, sideways, violations

pytestmark = pytest.mark.browser
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SHOWN = {"full": ("overview", "train"), "empty": ("overview",)}  # pictures beside those of all full pages
TWO_GIB = 2 * 1024**3


@pytest.fixture(scope="module")
def empty(serve: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return serve(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def full(serve: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return serve(filled.fill(tmp_path_factory.mktemp("full")))


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lab", ["empty", "full"], indirect=True)
def test_no_page_breaks_a_rule_of_accessibility(
    lab: Lab, scheme: Literal["light", "dark"], browser: Browser, request: pytest.FixtureRequest
) -> None:
    state = request.node.callspec.params["lab"]
    with browser.new_context(color_scheme=scheme, viewport=WIDE) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        lab.open(page, "overview")
        found = {}
        for name in PAGES:
            go(page, name)
            found[name] = violations(page)
            if (state, scheme) == ("full", "light") or name in SHOWN[state]:
                picture(page, f"{name}-{state}-{scheme}")
        assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("lab", ["empty", "full"], indirect=True)
def test_nothing_scrolls_sideways_on_a_phone(
    lab: Lab, browser: Browser, request: pytest.FixtureRequest
) -> None:
    state = request.node.callspec.params["lab"]
    with browser.new_context(color_scheme="light", viewport=PHONE) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        found = {}
        for name in PAGES:
            lab.open(page, name)
            found[name] = sideways(page)
            if name in SHOWN[state]:
                picture(page, f"{name}-{state}-phone")
        assert {name: wide for name, wide in found.items() if wide > 0} == {}


def test_hostile_names_are_text_and_run_nothing(full: Lab, page: Page) -> None:
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    full.open(page, "jobs", f"?id={filled.FAILED}")
    expect(page.get_by_text(f"The disk is full: {filled.HOSTILE}")).to_be_visible()
    full.open(page, "jobs", "?id=%3Cimg src=q onerror=alert(1)%3E**x**")
    expect(page.get_by_text("<img src=q onerror=alert(1)>**x**", exact=False)).to_be_visible()
    assert page.locator("main img[src=q]").count() == 0 and dialogs == []


def test_two_gigabytes_are_refused_with_a_sentence(empty: Lab, page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(TWO_GIB)  # a hole: no disk is used
    empty.open(page, "data", "?part=Import")
    page.get_by_text("Choose files").click()
    page.locator('input[type="file"]').set_input_files(large)
    expect(page.get_by_text("must be 190", exact=False)).to_be_visible()
    assert not (empty.home / "uploads").exists()


def test_the_keyboard_alone_gets_to_a_page_and_its_form(full: Lab, page: Page) -> None:
    full.open(page, "overview")
    focus = "document.activeElement.innerText || document.activeElement.ariaLabel || ''"
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focus))
        if "Jobs" in reached[-1]:
            break
    assert "Jobs" in reached[-1], reached
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    drawn(page)
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label') || ''").startswith(
            "Look at a job"
        ):
            break
    else:
        pytest.fail("the list of jobs is not reached by the Tab key")


def test_the_first_page_is_there_soon_and_without_torch(
    serve: Callable[[Path], Lab], page: Page, tmp_path: Path
) -> None:
    lab = serve(filled.fill(tmp_path))
    begun = time.perf_counter()
    page.goto(lab.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    seconds = time.perf_counter() - begun
    print(f"\nfirst paint of a fresh server: {seconds:.2f} s")  # `-s` shows it; a busy machine has no bound
    for name in PAGES:
        go(page, name)
    mapped = {Path(part.path).name for part in psutil.Process(lab.server.pid).memory_maps()}
    assert not {file for file in mapped if "torch" in file or "faiss" in file}
