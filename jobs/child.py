"""One job, run in this process: claimed or handed over, told to the log, ended with what came of it.

The worker starts it as `python -m jobs run ID --claim N`; a person may run it without a claim.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.artifact import whole
from engine.errors import ArtifactError, ConfigError, LabError
from engine.progress import Metric, Progress
from jobs.console import duration
from jobs.kinds import KINDS, Kind, checked_spec
from jobs.processes import created
from jobs.queue import found
from jobs.running import Job, sentence
from jobs.workspace import home
from storage import jobs, queue
from storage.db import Row, connect
from storage.errors import StorageError

BEAT = 2.0
LINE_EVERY = 5.0
PATIENCE = 5  # times that the end of a job is tried to be written


def run(id: str, claim: int | None = None) -> Row:
    """Run the job and return its row as it ended. Raises ConfigError when it can't be run here and now; what
    goes wrong while it runs is kept in its row and raised again."""
    db = connect(home())
    row = found(db, id)
    if claim is None:
        row = queue.take(db, id) or _refused(db, row)
        claim = int(row["claims"])
    pid = os.getpid()
    if not queue.register(db, id, claim, pid, created(pid) or time.time()):
        raise ConfigError(f"The job {id} was given to another process meanwhile: this one has nothing to do.")
    with _beating(id, claim):
        return _run(db, row, claim)


def _run(db: Database, row: Row, claim: int) -> Row:
    id = row["id"]
    try:
        artifact = _work(db, row, claim)
    except KeyboardInterrupt:
        asked = (jobs.get(db, id) or {}).get("cancel_requested")
        state = jobs.CANCELLED if asked else jobs.INTERRUPTED
        _end(db, id, claim, state, "cancelled while it ran" if asked else "its process was told to stop")
        raise
    except (LabError, StorageError) as error:
        _end(db, id, claim, jobs.FAILED, sentence(error))
        raise
    except BaseException as error:
        _end(db, id, claim, jobs.FAILED, sentence(error))
        if "memory" in sentence(error):
            raise LabError(sentence(error)) from error
        raise
    return _end(db, id, claim, jobs.DONE, None, artifact)


def _work(db: Database, row: Row, claim: int) -> str | None:
    kind = _kind(row)
    spec = checked_spec(row["kind"], row["spec"])
    job = Job(row["id"], row["kind"], row["name"], spec, db, claim, _made(db, row), Lines())
    artifact = kind.run(job)
    if artifact is not None and not whole(home() / artifact):
        raise ArtifactError(f"What the job made ({artifact}) is not whole: resume the job to make it again.")
    return artifact


def _kind(row: Row) -> Kind:
    if row["kind"] not in KINDS:
        raise ConfigError(
            f"There is no kind of job {row['kind']!r} in this Bantam; it has {', '.join(KINDS)}."
        )
    return KINDS[row["kind"]]


def _made(db: Database, row: Row) -> dict[str, Path]:
    """What the jobs that this one is made of have made, by kind."""
    parts = jobs.listed(db, parent=row["id"], limit=1000)
    return {part["kind"]: home() / part["artifact"] for part in parts if part["artifact"]}


def _end(
    db: Database, id: str, claim: int, state: str, error: str | None, artifact: str | None = None
) -> Row:
    """Write how it ended; a database that is in use or a disk that is full may be better in a moment."""
    for left in reversed(range(PATIENCE)):
        try:
            return jobs.end(db, id, state, error, claim=claim, artifact=artifact)
        except StorageError:
            if not left:
                raise
            time.sleep(1.0)
    raise AssertionError


def _refused(db: Database, row: Row) -> Row:
    now = found(db, row["id"])
    if now["state"] in (jobs.RUNNING, jobs.DONE):
        raise ConfigError(f"The job {now['id']} is {now['state']} already.")
    blocked = [need for need in now["needs"] if (jobs.get(db, need) or {}).get("state") != jobs.DONE]
    raise ConfigError(f"The job {now['id']} waits for {', '.join(blocked)}: run that first.")


@contextmanager
def _beating(id: str, claim: int) -> Iterator[None]:
    """Say every other second that the job lives, also while a model loads and reports nothing."""
    over = threading.Event()

    def beat() -> None:
        db = connect(home())
        while not over.wait(BEAT):
            try:
                queue.beat(db, id, claim)
            except StorageError as error:  # a missed beat harms nothing
                print(f"heartbeat: {error}", file=sys.stderr, flush=True)
        db.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=BEAT)


class Lines:
    """Progress as lines of a log: at most one every few seconds, and the last of each stage."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, out: Any = None) -> None:
        self.clock, self.out = clock, out or sys.stderr
        self.stage, self.begun, self.printed = "", clock(), -LINE_EVERY

    def __call__(self, said: Progress | Metric) -> None:
        """Print a line if it is time for one."""
        if isinstance(said, Metric):
            return
        now = self.clock()
        if said.stage != self.stage:
            self.stage, self.begun = said.stage, now
        elif now - self.printed < LINE_EVERY and said.done != said.total:
            return
        self.printed = now
        note = f" · {said.note}" if said.note else ""
        line = f"{said.stage} {said.done}/{said.total} {said.unit}{note} · {duration(now - self.begun)}"
        print(line, file=self.out, flush=True)
