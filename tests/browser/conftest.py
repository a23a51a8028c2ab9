"""The lab as a person sees it: a server on a workspace of its own and Debian's chromium. Without a chromium
these tests skip and say so.

Waits are on states, never on time: a busy machine is slow, not wrong.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from app import playground
from app.play.desk import Answers
from tests.browser.lab import Lab
from tests.browser.playing import Serve

ROOT = Path(__file__).parents[2]
PATIENCE = 120_000  # ms; what is waited for takes one or two seconds on a quiet machine
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The system's browser: one that playwright downloads itself can't be had everywhere."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return {"executable_path": found, "args": ["--no-sandbox", "--disable-gpu"]}


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], Lab]]:
    """Start the lab's pages on a workspace; every server is ended with the session."""
    running: list[subprocess.Popen[bytes]] = []

    def started(home: Path) -> Lab:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = (home / "web.log").open("wb")
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.headless=true"),
                *("--server.address=127.0.0.1", f"--server.port={port}"),
            ],
            cwd=ROOT,
            env={**os.environ, "BANTAM_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        running.append(server)
        lab = Lab(f"http://127.0.0.1:{port}", home, server)
        transport = httpx.HTTPTransport(retries=60)  # connection errors only, with growing pauses
        with httpx.Client(transport=transport, timeout=PATIENCE / 1000) as client:
            assert client.get(f"{lab.url}/_stcore/health").text == "ok", (home / "web.log").read_text()
        return lab

    yield started
    for server in running:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture
def playing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
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


@pytest.fixture
def page(page: Page) -> Page:
    """pytest-playwright's page, patient."""
    page.set_default_timeout(PATIENCE)
    page.set_default_navigation_timeout(PATIENCE)
    return page
