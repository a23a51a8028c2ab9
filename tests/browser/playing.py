"""What tests of the playground in a browser do again and again: open it, ask, compare."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.app.scripted import QUESTION

Serve = Callable[..., str]  # starts a playground on a desk and gives its address


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
