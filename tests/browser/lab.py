"""What browser tests do again and again: open a page of the lab, wait until it is drawn, ask axe, keep a
picture."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.frame import PAGES
from storage import jobs, queue
from storage.db import connect

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
DRAWN = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'


@dataclass(frozen=True)
class Lab:
    """A server of the lab and the workspace it shows."""

    url: str
    home: Path
    server: "subprocess.Popen[bytes]"

    def open(self, page: Page, name: str, query: str = "") -> None:
        """Go to a page by its address and wait until its script has ended."""
        page.goto(f"{self.url}/{'' if name == 'overview' else name}{query}")
        drawn(page)


def drawn(page: Page) -> None:
    """Wait until the page's script has run to its end and its title stands."""
    expect(page.locator(DRAWN)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0)


def violations(page: Page) -> list[str]:
    """What axe finds wrong, one line each with the first elements it means."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({len(one['nodes'])}): " + " | ".join(node["html"][:160] for node in one["nodes"][:3])
        for one in found
    ]


def sideways(page: Page) -> int:
    """By how many pixels the page can be scrolled sideways."""
    return int(
        page.evaluate(
            """() => Math.max(...[document.documentElement, ...document.querySelectorAll(
                '[data-testid="stMain"], [data-testid="stAppViewContainer"]')]
                .map(box => box.scrollWidth - box.clientWidth))"""
        )
    )


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page in docs/screens, where BANTAM_SCREENS asks for it."""
    if not os.environ.get("BANTAM_SCREENS"):
        return
    place = Path(os.environ["BANTAM_SCREENS"]) if os.environ["BANTAM_SCREENS"] != "1" else SCREENS
    place.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(place / f"{name}.png"))


def go(page: Page, name: str) -> None:
    """Go to another page by its link at the side, as a person does, and wait until it is drawn."""
    title = PAGES[name][0]
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    drawn(page)


@contextmanager
def working(home: Path) -> Iterator[None]:
    """A real worker on a workspace, ended with all its children."""
    with (home / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "worker"],
            cwd=SCREENS.parents[1],
            env={**os.environ, "BANTAM_HOME": str(home), "BANTAM_CANCEL_SECONDS": "5"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        yield
        db = connect(home)
        for row in jobs.unfinished(db):
            queue.request_cancel(db, row["id"])
        deadline = time.monotonic() + 60
        while jobs.unfinished(db) and time.monotonic() < deadline:
            time.sleep(0.2)  # the worker ends its children, first kindly
        db.close()
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
