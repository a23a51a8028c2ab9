"""The offline synthesis as a command: killed in the middle it goes on, and ends as if nobody had."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.data import written
from tests.commands import ROOT, Command, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
PAGES = ("bm25", "calibration", "chunking", "lora", "refusals")
ASKED = ("synthesize", "--name", "pages", "--writer", "bantam-small", "--target", "5000", "--json")
FILES = ("questions.jsonl", written.FILE, written.DROPPED)


def rounds(home: Path) -> set[str]:
    return {file.name for file in (home / "work").glob("*/*.json")}


def killed_after(home: Path, count: int) -> set[str]:
    """Start the command, SIGKILL it when so many rounds are finished, and tell which."""
    child = subprocess.Popen(
        [sys.executable, "-m", "jobs", *ASKED, "--write-seconds", "3000"],
        cwd=ROOT,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(rounds(home)) < count:
        assert child.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    return rounds(home)


def test_killed_three_times_it_ends_with_the_rows_of_an_unbroken_run(here: Command, tmp_path: Path) -> None:
    pages, peace, fire = tmp_path / "pages", tmp_path / "peace", tmp_path / "fire"
    pages.mkdir()
    for name in PAGES:
        shutil.copy(ROOT / "docs" / f"{name}.md", pages)
    assert here("import", str(pages), "--name", "pages", home=peace).code == 0
    shutil.copytree(peace, fire)
    whole = json.loads(here(*ASKED, "--write-seconds", "3000", home=peace).out)
    assert whole["kept"] > 3 and not rounds(peace)
    seen: set[str] = set()
    for count in (1, 3, 6):
        left = killed_after(fire, count)
        assert left >= seen  # what was finished stays
        seen = left
    again = json.loads(here(*ASKED, "--write-seconds", "3000", home=fire).out)
    assert not rounds(fire)
    for name in ("kept", "dropped", "reworded", "questions"):
        assert again[name] == whole[name]
    for file in FILES:
        parts = [home / "artifacts" / "questions" / whole["questions"] / file for home in (peace, fire)]
        assert parts[0].read_text() == parts[1].read_text()
