"""The worker with real processes: what is started, adopted, put back, stopped, and said in one sentence."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from jobs import kinds, processes, worker
from jobs.__main__ import main
from storage import jobs, metrics
from storage.db import connect
from tests.commands import ROOT, Ran, environment
from tests.jobs import pretend


class Workspace:
    """A workspace, its command line, and the processes started in it, which are ended with the test."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.started: list[subprocess.Popen[str]] = []

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tests.jobs.pretend", *words]

    def run(self, *words: str, code: int = 0, **more: str) -> Ran:
        """A command in this process: the worker's children are real ones all the same."""
        out, err = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with (
                patch.dict(os.environ, environment(self.home, **more)),
                warnings.catch_warnings(),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                ended = main(list(words))
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert ended == code, err.getvalue()
        return Ran(ended, out.getvalue(), err.getvalue())

    def sentence(self, *words: str) -> str:
        """The one sentence with which the command fails."""
        ran = self.run(*words, code=1)
        found = re.fullmatch(r"\nbantam: ([^\n]+)\n", ran.err)
        assert found and ran.out == "", ran.err
        return found[1]

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*words),
            cwd=ROOT,
            env=environment(self.home, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.home / "worker.err").open("a"),
            text=True,
        )
        self.started.append(process)
        return process

    def submit(self, *settings: str, kind: str = "pretend", needs: tuple[str, ...] = (), **more: str) -> str:
        words = ["submit", kind, "--json"]
        words += ["--set", *settings] if settings else []
        words += ["--needs", *needs] if needs else []
        return str(json.loads(self.run(*words, **more).out)["id"])

    def show(self, id: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.run("show", id, "--json").out)
        return shown

    def row(self, id: str) -> dict[str, Any]:
        db = connect(self.home)
        found = jobs.get(db, id)
        db.close()
        assert found
        return found

    def until(self, true: Callable[[], Any], what: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            said = (self.home / "worker.err").read_text() if (self.home / "worker.err").exists() else ""
            assert time.monotonic() < deadline, f"waited for: {what}; {said}"
            time.sleep(0.05)

    def until_state(self, id: str, state: str) -> None:
        self.until(lambda: self.row(id)["state"] == state, f"{id} {state}")

    def until_running(self, id: str, step: int = 1) -> None:
        """Wait until its process counts."""

        def counts() -> bool:
            row = self.row(id)
            return bool(row["pid"] and row["progress"] and row["progress"]["done"] >= step)

        self.until(counts, f"{id} counts")

    def ended(self) -> list[str]:
        """The jobs that came to their end, each as often as it did."""
        file = self.home / "ended.txt"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setitem(kinds.KINDS, "pretend", pretend.KIND)
    monkeypatch.setattr(worker, "PROGRAM", pretend.PROGRAM)
    home = tmp_path / "home"
    home.mkdir()
    space = Workspace(home)
    yield space
    for process in space.started:
        process.kill()
        process.wait(timeout=60)
    db = connect(home)
    for row in jobs.listed(db, state=jobs.RUNNING):
        if processes.alive(row["pid"], row["pid_created"]):
            processes.kill(row["pid"])
    db.close()


def test_a_queue_is_worked_off_and_each_job_tells_all_about_itself(lab: Workspace) -> None:
    first = lab.submit("steps=3", 'note=a = b\'s "c" \u00e9')
    second = lab.submit("steps=4", needs=(first,))
    lost = lab.submit("do=fail")
    after = lab.submit(needs=(lost,))
    last = lab.submit(needs=(after,))
    lab.run("worker", "--until-idle")
    assert lab.ended() == [first, second]
    shown = lab.show(first)
    assert {"id", "kind", "state", "attempts", "progress", "metrics", "spec", "error", "artifact"} <= set(
        shown
    )
    assert (shown["state"], shown["attempts"], shown["error"]) == ("done", 1, None)
    assert shown["progress"]["done"] == shown["progress"]["total"] == 3 and shown["metrics"] == {"value": 1.5}
    assert (lab.home / shown["artifact"] / "made.txt").read_text() == "whole"
    assert lab.show(lost)["error"] == "The loss is not a number: lower the learning rate."
    why = lab.show(after)["error"]
    assert why == f"It needs the job {lost}, which is failed: {lab.show(lost)['error']}"
    assert lab.show(last)["state"] == "failed" and after in lab.show(last)["error"]
    log = lab.run("logs", first, "-f").out
    assert log.startswith("--- attempt 1, ") and "count 3/3 steps" in log and "counted to 3" in log
    listed = json.loads(lab.run("list", "--json").out)
    assert [row["id"] for row in listed] == [last, after, lost, second, first]
    assert [row["id"] for row in json.loads(lab.run("list", "--state", "done", "--json").out)] == [
        second,
        first,
    ]

    words = shlex.split(shown["command"])
    assert words[:3] == [".venv/bin/python", "-m", "jobs"]
    again = json.loads(lab.run(*words[3:], "--json").out)["id"]
    assert lab.show(again)["spec"] == shown["spec"]
    assert tomllib.loads(shown["toml"]) == shown["spec"]
    file = lab.home / "spec.toml"
    file.write_text(shown["toml"])
    third = json.loads(lab.run("submit", "pretend", "--spec", str(file), "--set", "steps=9", "--json").out)[
        "id"
    ]
    assert lab.show(third)["spec"] == shown["spec"] | {"steps": 9}
    fourth = json.loads(lab.run("duplicate", first, "--set", "seconds=0.5", "--json").out)["id"]
    assert lab.show(fourth)["spec"] == shown["spec"] | {"seconds": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("memory", "There is not enough memory"),
        ("disk", "The disk is full (some/file): free some space and resume the job."),
        ("bug", "KeyError: 'missing'"),
        ("nothing", "is not whole: resume the job"),
    ],
)
def test_what_goes_wrong_in_a_job_is_one_sentence_and_harms_no_other(
    lab: Workspace, what: str, why: str
) -> None:
    bad, good = lab.submit(f"do={what}"), lab.submit()
    lab.run("worker", "--until-idle")
    row = lab.row(bad)
    assert row["state"] == jobs.FAILED and why in row["error"] and "\n" not in row["error"]
    assert row["attempts"] == 1, "an error would come again"
    assert lab.row(good)["state"] == jobs.DONE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("killed", "Its process was killed (signal 9), perhaps because memory ran out (attempt 2 of 2): see"),
        ("quit", "Its process ended without a word (exit status 0) (attempt 2 of 2): see"),
        ("crash", "Its process was ended by signal 11 (attempt 2 of 2): see"),
    ],
)
def test_a_process_that_dies_is_tried_again_so_often_and_no_more(lab: Workspace, what: str, why: str) -> None:
    bad, good = lab.submit(f"do={what}", BANTAM_ATTEMPTS="2"), lab.submit()
    lab.run("worker", "--until-idle")
    row = lab.row(bad)
    assert (row["state"], row["attempts"]) == (jobs.FAILED, 2) and row["error"].startswith(why)
    assert lab.row(good)["state"] == jobs.DONE
    resumed = json.loads(lab.run("resume", bad, "--json").out)
    assert resumed["state"] == "queued" and lab.row(bad)["attempts"] == 0


def test_a_killed_child_goes_on_from_its_checkpoint(lab: Workspace) -> None:
    id = lab.submit("steps=30", "seconds=0.05")
    process = lab.start("worker", "--until-idle")
    lab.until_running(id, 3)
    os.kill(lab.row(id)["pid"], signal.SIGKILL)
    assert process.wait(timeout=120) == 0
    row = lab.row(id)
    assert (row["state"], row["attempts"]) == (jobs.DONE, 2) and lab.ended() == [id]
    assert json.loads((lab.home / row["artifact"] / "manifest.json").read_text())["begun"] >= 2
    db = connect(lab.home)
    assert [one["value"] for one in metrics.series(db, id, "value")] == [n / 2 for n in range(1, 31)]
    db.close()


@pytest.mark.slow
def test_a_job_outlives_its_worker_and_the_next_one_adopts_it(lab: Workspace) -> None:
    id, after = lab.submit("steps=40", "seconds=0.1"), lab.submit()
    process = lab.start("worker")
    lab.until_running(id)
    process.kill()
    process.wait(timeout=60)
    pid = lab.row(id)["pid"]
    lab.run("worker", "--until-idle")
    row = lab.row(id)
    assert (row["state"], row["attempts"], row["pid"]) == (jobs.DONE, 1, pid)
    assert sorted(lab.ended()) == sorted([id, after])


@pytest.mark.slow
def test_ctrl_c_ends_the_worker_and_not_the_job(lab: Workspace) -> None:
    id = lab.submit("steps=40", "seconds=0.1")
    process = lab.start("worker")
    lab.until_running(id)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "goes on, and the next worker looks after it" in (lab.home / "worker.err").read_text()
    lab.until_state(id, jobs.DONE)


@pytest.mark.slow
def test_a_job_told_to_stop_by_the_system_is_queued_again(lab: Workspace) -> None:
    id = lab.submit("steps=40", "seconds=0.05")
    process = lab.start("worker", "--until-idle")
    lab.until_running(id, 2)
    os.kill(lab.row(id)["pid"], signal.SIGTERM)
    assert process.wait(timeout=120) == 0
    assert (lab.row(id)["state"], lab.row(id)["attempts"]) == (jobs.DONE, 2)


def test_cancel_lets_a_job_save_first(lab: Workspace) -> None:
    id, waits = lab.submit("steps=10000", "seconds=0.05", "do=save"), lab.submit()
    needs = lab.submit(needs=(id,))
    process = lab.start("worker", "--until-idle")
    lab.until_running(id, 2)
    assert json.loads(lab.run("cancel", waits, "--json").out)["state"] == "cancelled"
    assert json.loads(lab.run("cancel", id, "--json").out)["cancel_requested"] is True
    assert process.wait(timeout=120) == 0
    assert lab.row(id)["state"] == lab.row(waits)["state"] == jobs.CANCELLED
    assert lab.row(needs)["state"] == jobs.FAILED and f"{id}, which is cancelled" in lab.row(needs)["error"]
    assert int((lab.home / "work" / id / "saved.txt").read_text()) >= 2
    assert lab.ended() == []


@pytest.mark.slow
@pytest.mark.parametrize("what", ["busy", "deaf"])
def test_a_job_that_does_not_stop_is_stopped(lab: Workspace, what: str) -> None:
    id = lab.submit("steps=1", f"do={what}")
    process = lab.start("worker", "--until-idle", BANTAM_CANCEL_SECONDS="1")
    lab.until_running(id)
    lab.run("cancel", id)
    assert process.wait(timeout=120) == 0
    assert lab.row(id)["state"] == jobs.CANCELLED


@pytest.mark.slow
def test_a_second_worker_says_that_there_is_one(lab: Workspace) -> None:
    id = lab.submit("steps=20", "seconds=0.1")
    process = lab.start("worker", "--until-idle")
    lab.until_running(id)
    said = lab.sentence("worker", "--until-idle")
    assert said.startswith(f"Another worker (process {process.pid}) works on {lab.home} already")
    assert process.wait(timeout=120) == 0
    lab.run("worker", "--until-idle")
    assert lab.ended() == [id]


@pytest.mark.slow
def test_a_worker_that_stands_by_takes_over(lab: Workspace) -> None:
    first = lab.start("worker")
    lab.until(lambda: "works on" in (lab.home / "worker.err").read_text(), "the first works")
    lab.start("worker", "--stand-by")
    lab.until(lambda: "takes over when" in (lab.home / "worker.err").read_text(), "the second waits")
    first.kill()
    id = lab.submit()
    lab.until_state(id, jobs.DONE)
    assert (lab.row(id)["attempts"], first.wait(timeout=60)) == (1, -9)


def test_a_job_for_a_device_that_nobody_has_does_not_wait_for_ever(lab: Workspace) -> None:
    id = lab.submit("device=mps" if sys.platform != "darwin" else "device=cuda")
    lab.run("worker", "--until-idle")
    row = lab.row(id)
    assert row["state"] == jobs.FAILED
    assert re.fullmatch(
        r"It asks for the device \w+, and this machine has [\w ]+: duplicate it with --set device=auto\.",
        row["error"],
    )


def test_a_job_is_run_here_and_now(lab: Workspace) -> None:
    id = lab.submit()
    assert json.loads(lab.run("run", id, "--json").out)["state"] == "done"
    assert lab.sentence("run", id) == f"The job {id} is done already."
    first = lab.submit()
    assert lab.sentence("run", lab.submit(needs=(first,))).endswith(f"waits for {first}: run that first.")
    assert "not a number" in lab.run("run", lab.submit("do=fail"), code=1).err


def test_a_process_whose_job_was_given_away_does_nothing(lab: Workspace) -> None:
    id = lab.submit()
    said = lab.sentence("run", id, "--claim", "7")
    assert "was given to another process" in said and lab.ended() == []
    assert lab.row(id)["state"] == jobs.QUEUED


@pytest.mark.parametrize("id", ["ghost", "../../etc/passwd", "x" * 300, "a\nb", "' or 1=1 --", ""])
@pytest.mark.parametrize("verb", ["show", "logs", "cancel", "resume", "duplicate", "run"])
def test_an_id_that_is_none(lab: Workspace, verb: str, id: str) -> None:
    said = lab.sentence(verb, id)
    assert said.startswith(f"There is no job {id[:80]!r} here: `python -m jobs list` shows")
