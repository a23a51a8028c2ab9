"""An experiment launched from the page lives on without it: the tab is closed, opened again, and the
progress is there; cancel and resume are heard by a real worker.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlite_utils import Database

from storage import jobs
from storage.db import connect
from tests.browser.conftest import PATIENCE
from tests.browser.lab import Lab, go, picture, working

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def lab(serve: Callable[[Path], Lab], tmp_path: Path) -> Lab:
    return serve(tmp_path)


@pytest.fixture
def worker(lab: Lab) -> Iterator[None]:
    with working(lab.home):
        yield


def tab(browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    return page


def close(page: Page) -> None:
    page.context.close()


def state(db: Database, id: str) -> str:
    row = jobs.get(db, id)
    assert row is not None
    return str(row["state"])


def test_an_experiment_outlives_its_tab_and_is_cancelled_and_resumed(
    lab: Lab, worker: None, browser: Browser
) -> None:
    first = tab(browser)
    lab.open(first, "overview")
    first.get_by_role("button", name="Run the quickstart experiment").click()
    expect(first.get_by_text("is queued")).to_be_visible()
    close(first)

    again = tab(browser)
    lab.open(again, "overview")
    expect(again.get_by_role("heading", name="Running now")).to_be_visible()
    go(again, "jobs")
    # the import is done by now or soon, and the page follows by itself while the rest goes on
    expect(again.get_by_test_id("stMetric").filter(has_text="done")).to_be_visible()
    picture(again, "jobs-live")
    close(again)

    db = connect(lab.home)
    (ablation,) = jobs.listed(db, kind="ablation")
    last = tab(browser)
    lab.open(last, "jobs", f"?id={ablation['id']}")
    cancel, resume = (last.locator(f".st-key-jobs_one_{what} button") for what in ("cancel", "resume"))
    cancel.click()
    expect(resume).to_be_visible()
    assert state(db, ablation["id"]) == jobs.CANCELLED
    resume.click()
    expect(cancel).to_be_visible()
    assert state(db, ablation["id"]) in (jobs.QUEUED, jobs.RUNNING)
    close(last)
    db.close()
