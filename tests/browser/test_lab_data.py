"""The page Data in a real browser: a file with foreign columns becomes a clean dataset with its report, pairs
are accepted and rejected by the keyboard alone, no part breaks a rule of accessibility or scrolls sideways.

BANTAM_SCREENS=1 also writes the pictures in docs/screens.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from app.data.reviewing import KEYS
from jobs import review
from storage import decisions
from storage.db import connect
from tests.app import datafilled, filled
from tests.browser.conftest import PATIENCE
from tests.browser.lab import Lab, drawn, picture, sideways, violations, working

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PARTS = ("Look", "Import", "Clean", "Split", "Synthesize", "Pairs")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# the height of a picture in pixels
SHOWN = {
    ("Clean", "light"): 1780,
    ("Synthesize", "light"): 2150,
    ("Pairs", "light"): 1180,
    ("Pairs", "dark"): 1180,
}


@pytest.fixture(scope="module")
def empty(serve: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return serve(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def full(serve: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return serve(datafilled.fill(filled.fill(tmp_path_factory.mktemp("full"))))


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


def part(page: Page, name: str) -> None:
    """Go to a part by its radio button, as a person does."""
    page.get_by_role("radiogroup", name="What to do").get_by_text(name, exact=True).click()
    expect(page.get_by_role("radio", name=name)).to_be_checked()
    drawn(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lab", ["empty", "full"], indirect=True)
def test_no_part_breaks_a_rule_of_accessibility(
    lab: Lab, scheme: Literal["light", "dark"], browser: Browser, request: pytest.FixtureRequest
) -> None:
    full_ = request.node.callspec.params["lab"] == "full"
    with browser.new_context(color_scheme=scheme, viewport=WIDE) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        lab.open(page, "data")
        found = {}
        for name in PARTS:
            part(page, name)
            found[name] = violations(page)
            if full_ and (height := SHOWN.get((name, scheme))):
                page.set_viewport_size({"width": 1280, "height": height})
                picture(page, f"data-{name.lower()}-{scheme}")
                page.set_viewport_size(WIDE)
        assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("lab", ["empty", "full"], indirect=True)
def test_no_part_scrolls_sideways_on_a_phone(lab: Lab, browser: Browser) -> None:
    with browser.new_context(color_scheme="light", viewport=PHONE) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        found = {}
        for name in PARTS:
            lab.open(page, "data", f"?part={name}")
            expect(page.get_by_role("radio", name=name)).to_be_checked()
            found[name] = sideways(page)
        assert {name: wide for name, wide in found.items() if wide > 0} == {}


def test_a_file_with_foreign_columns_becomes_a_clean_dataset(
    serve: Callable[[Path], Lab], browser: Browser, tmp_path: Path
) -> None:
    lab = serve(tmp_path)
    file = tmp_path / "notizen.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["Absatz", "Zeile"])
        rows.writerows([document.text, f"Notiz {n}"] for n, document in enumerate(datafilled.documents()))
        rows.writerow(["", "leer"])
    with browser.new_context(viewport=WIDE) as context, working(tmp_path):
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        lab.open(page, "data", "?part=Import")
        page.get_by_text("Choose files").click()
        page.get_by_role("textbox", name="Name").fill("notizen")
        page.locator('input[type="file"]').set_input_files(file)
        expect(page.get_by_text("notizen.csv")).to_be_visible()
        page.get_by_role("button", name="Keep these files").click()
        expect(page.get_by_text("What would be imported")).to_be_visible()

        choose(page, "Title", "Zeile")
        expect(page.get_by_text("Rejected (2)")).to_be_visible()
        drawn(page)
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", name="The last import")).to_be_visible()
        expect(page.get_by_role("heading", name="What could not be read")).to_be_visible()
        with page.expect_download() as csv_file:
            page.locator(".st-key-data_last_csv button").click()
        assert csv_file.value.path().read_text().startswith("file,row,reason\nnotizen.csv,")

        (made,) = (tmp_path / "artifacts/dataset").glob("[!.]*/documents.jsonl")
        assert '"title": "Notiz 1"' in made.read_text(), "the column that was chosen"

        part(page, "Clean")
        page.get_by_text("Mask personal data").click()
        page.get_by_role("button", name="Queue this job").click()
        expect(page.get_by_text("Cleaned dataset")).to_be_visible()
        expect(page.get_by_role("heading", name="Personal data masked")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Go back to notizen").click()
        expect(page.get_by_role("radio", name="Look")).to_be_checked()
        expect(page.get_by_text("Documents (39)")).to_be_visible()


def choose(page: Page, label: str, option: str) -> None:
    """Choose in a select box by the keyboard."""
    box = page.get_by_role("combobox", name=label)
    box.first.click()
    page.get_by_role("option", name=option, exact=True).click()


def test_pairs_are_reviewed_by_the_keyboard_alone(
    serve: Callable[[Path], Lab], page: Page, tmp_path: Path
) -> None:
    datafilled.pairs(tmp_path)
    lab = serve(tmp_path)
    names = [review.name_of(pair) for pair in datafilled.three()]
    db = connect(tmp_path)
    lab.open(page, "data", "?part=Pairs")
    for key, seen in (
        ("skip", "What do the lakes of Titan hold?"),  # the first one was put behind the others
        ("accept", "Who wrote"),
        ("reject", "When did Huygens land on Titan?"),
        ("undo", "Who wrote"),
        ("reject", "When did Huygens land on Titan?"),
        ("accept", "All pairs are decided"),
    ):
        page.keyboard.press(KEYS[key].lower())
        expect(page.get_by_text(seen, exact=False).first).to_be_visible()
        drawn(page)
    assert decisions.read(db) == {
        names[0]: decisions.ACCEPTED,
        names[1]: decisions.ACCEPTED,
        names[2]: decisions.REJECTED,
    }
    db.close()
