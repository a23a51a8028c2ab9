"""An experiment launched from the page lives on without it: the tab is closed, opened again, and the
progress is there; cancel and resume are heard by a real worker.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlite_utils import Database

from storage import jobs, queue
from storage.db import connect
from tests.browser.conftest import PATIENCE, ROOT
from tests.browser.lab import Lab, go, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def lab(serve: Callable[[Path], Lab], tmp_path: Path) -> Lab:
    return serve(tmp_path)


@pytest.fixture
def worker(lab: Lab) -> Iterator[None]:
    """A real worker on the lab's workspace, ended with all its children."""
    with (lab.home / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "worker"],
            cwd=ROOT,
            env={**os.environ, "BANTAM_HOME": str(lab.home), "BANTAM_CANCEL_SECONDS": "5"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        yield
        db = connect(lab.home)
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
