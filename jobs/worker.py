"""The worker: takes jobs from the queue, starts a process for each, ends those that are to stop, and puts
back what has died. shift.py keeps it going, one a workspace.

A job's process has a session of its own: it outlives the worker, and the next one adopts it. Who is alive is
told by pid and create time.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from jobs import cluster, processes
from jobs.kinds import KINDS
from jobs.queue import log
from jobs.workspace import home
from storage import jobs, queue, workers
from storage.db import Row

BEAT = 2.0
CANCEL_SECONDS = 20.0  # for a job to save and stop, before SIGTERM; half of it more, before SIGKILL
PROGRAM = ("-m", "jobs")  # what the interpreter is given to run a job with
EXIT_SECONDS = 30.0  # for a process to end after its job has
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Worker:
    """`children` are the processes that this worker started, by job id and claim."""

    db: Database
    lanes: tuple[str, ...]
    runners: tuple[Any, ...] = ()
    children: dict[tuple[str, int], subprocess.Popen[bytes]] = field(default_factory=dict)
    beaten: float = 0.0

    def tick(self) -> bool:
        """Look after everything once. False when nothing runs and nothing can be started."""
        busy = False
        for row in jobs.listed(self.db, state=jobs.RUNNING, limit=1000):
            if row["runner"] == "local" or row["pid"] or (row["id"], row["claims"]) in self.children:
                busy = self._look_after(row) or busy
        for runner in self.runners:
            busy = runner.tick() or busy
        queue.revive(self.db, list(KINDS))
        while dead := queue.lost(self.db):  # each may be needed by others
            for row in dead:
                self._fail(row, _because(row["blocked"]))
        self._refuse_strangers()
        if self._ending():
            return True
        while (claimed := queue.claim(self.db, self.lanes)) is not None:
            self.start(claimed)
            busy = True
        if time.monotonic() - self.beaten > BEAT:
            workers.beat(self.db)
            self.beaten = time.monotonic()
        return busy

    def _ending(self) -> bool:
        """Whether a process whose job has ended has not: it still holds memory that the next one wants."""
        ending = False
        for (id, claim), child in list(self.children.items()):
            row = jobs.get(self.db, id)
            if row and row["state"] == jobs.RUNNING and row["claims"] == claim:
                continue
            if child.poll() is not None:
                del self.children[id, claim]
                continue
            ending = True
            ended = datetime.fromisoformat(row["ended_at"]) if row and row["ended_at"] else None
            if ended and (datetime.now(UTC) - ended).total_seconds() > EXIT_SECONDS:
                processes.kill(child.pid)
        return ending

    def start(self, row: Row) -> None:
        """Start the process of a claimed job."""
        place = log(row)
        command = [sys.executable, *PROGRAM, "run", row["id"], "--claim", str(row["claims"])]
        say(f"{row['id']} starts, attempt {row['attempts']} of {row['max_attempts']}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("ab") as file:
                file.write(
                    f"--- attempt {row['attempts']}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode()
                )
                file.flush()
                self.children[row["id"], row["claims"]] = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=os.environ | {"BANTAM_HOME": str(home()), "PYTHONUNBUFFERED": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            why = f"It could not be started ({error.strerror}): look at this machine's disk and limits."
            jobs.end(self.db, row["id"], jobs.FAILED, why, claim=row["claims"])

    def _look_after(self, row: Row) -> bool:
        """Whether this running job still runs; one whose process is gone is put back."""
        key = row["id"], row["claims"]
        child = self.children.get(key)
        if child is not None:
            status = child.poll()
            if status is None:
                self._stop_if_asked(row, child.pid)
                return True
            del self.children[key]
            self._gone(row, _how(status), started=True)
            return True
        if row["kind"] not in KINDS:  # a run in the foreground, which nobody else can go on with
            if processes.alive(row["pid"], row["pid_created"]):
                return False
            jobs.end(self.db, row["id"], jobs.INTERRUPTED, "its process was gone", claim=row["claims"])
            return False
        if row["pid"] is None:  # the worker that claimed it died before it could start a process
            self._gone(row, "the worker died before it started", started=False)
        elif processes.alive(row["pid"], row["pid_created"]):
            self._stop_if_asked(row, row["pid"])
        else:
            self._gone(row, "its process is gone", started=True)
        return True

    def _gone(self, row: Row, how: str, *, started: bool) -> None:
        now = jobs.get(self.db, row["id"])
        if not now or now["state"] != jobs.RUNNING or now["claims"] != row["claims"]:
            return  # it said itself how it ended
        why = f"{how[0].upper()}{how[1:]} (attempt {row['attempts']} of {row['max_attempts']})"
        if now["cancel_requested"]:
            why = "cancelled while it ran"
        elif started and row["attempts"] >= row["max_attempts"]:
            why += ": see its log; a smaller model or batch needs less memory. Resume it to try again."
        after = queue.give_back(self.db, row["id"], row["claims"], why, started=started)
        say(f"{row['id']} is {after.get('state')}: {why}")

    def _stop_if_asked(self, row: Row, pid: int) -> None:
        """The job is asked first, by its flag; then told, then killed."""
        if not row["cancel_requested"] or not row["cancel_at"]:
            return
        waited = (datetime.now(UTC) - datetime.fromisoformat(row["cancel_at"])).total_seconds()
        patience = _patience()
        if waited > 1.5 * patience:
            processes.kill(pid)
        elif waited > patience:
            processes.terminate(pid)

    def _refuse_strangers(self) -> None:
        for row in queue.waiting(self.db):
            if row["runner"] == "local":
                if row["device"] not in ("auto", *self.lanes):
                    has = " and ".join(self.lanes)
                    why = f"It asks for the device {row['device']}, and this machine has {has}"
                    self._fail(row, f"{why}: duplicate it with --set device=auto.")
            elif row["runner"] not in {runner.name for runner in self.runners}:
                why = (
                    f"It asks for the runner {row['runner']}, which is not set up here: set {cluster.ADDRESS}"
                )
                self._fail(row, f"{why} to the cluster's address and install requirements-ray.txt.")

    def _fail(self, row: Row, why: str) -> None:
        queue.refuse(self.db, row["id"], why)
        say(f"{row['id']} is failed: {why}")


def _patience() -> float:
    try:
        return max(0.0, float(os.environ.get("BANTAM_CANCEL_SECONDS") or CANCEL_SECONDS))
    except ValueError:
        return CANCEL_SECONDS


def _because(need: dict[str, Any]) -> str:
    if need["state"] is None:
        return f"It needs the job {need['id']}, which is not there any more."
    why = f": {need['error']}" if need["error"] else ""
    return f"It needs the job {need['id']}, which is {need['state']}{why}"


def _how(status: int) -> str:
    if status == -9:
        return "its process was killed (signal 9), perhaps because memory ran out"
    if status < 0:
        return f"its process was ended by signal {-status}"
    return f"its process ended without a word (exit status {status})"


def say(text: str) -> None:
    """A line in the worker's own log."""
    print(f"worker: {text}", file=sys.stderr, flush=True)
