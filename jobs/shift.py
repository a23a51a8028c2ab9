"""A worker at work: the only one of its workspace, until it is told to stop or nothing is left to do.

What it does at each look is worker.py's.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from engine.errors import ConfigError
from jobs import cluster, processes
from jobs.devices import devices
from jobs.worker import Worker, say
from jobs.workspace import home
from storage import jobs, queue, workers
from storage.db import connect
from storage.errors import StorageError

LOOK = 0.25  # seconds between two looks at the queue


def work(until_idle: bool = False, *, stand_by: bool = False) -> None:
    """Work until told to stop, or until nothing is left to do. Raises ConfigError if another worker does,
    unless this one is to `stand_by` until that one has ended."""
    with alone(stand_by):
        db = connect(home())
        pid = os.getpid()
        lanes = devices()
        workers.announce(db, pid, processes.created(pid) or time.time(), lanes)
        say(f"works on {home()} with {' and '.join(lanes)}")
        worker = Worker(db, lanes)
        if cluster.usable():
            worker.runners = (cluster.Cluster(db, worker.start),)
        try:
            _loop(worker, until_idle)
        finally:
            _leave(db, pid)


def _loop(worker: Worker, until_idle: bool) -> None:
    said = ""
    while True:
        try:
            busy, said = worker.tick(), ""
        except StorageError as error:  # in use, or a full disk: it may be better soon, and no job is lost
            busy = True
            if str(error) != said:
                say(said := str(error))
            time.sleep(1.0)
        if until_idle and not busy:
            left = queue.waiting(worker.db)
            if left:
                say(f"{len(left)} jobs wait for others that do not run, the first is {left[0]['id']}")
            return
        time.sleep(LOOK)


@contextmanager
def alone(stand_by: bool = False) -> Iterator[None]:
    """Hold the workspace's lock for workers, which a killed one lets go of by itself."""
    file = os.open(home() / "worker.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(file, 32, 0).decode() or "unknown"
            said = f"Another worker (process {other}) works on {home()} already"
            if not stand_by:
                raise ConfigError(f"{said}: it will take the jobs that wait.") from None
            say(f"{said}; this one takes over when that one ends")
            fcntl.flock(file, fcntl.LOCK_EX)
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)


def _leave(db: Database, pid: int) -> None:
    try:
        workers.leave(db, pid)
        running = len(jobs.listed(db, state=jobs.RUNNING, limit=1000))
    except StorageError:
        return
    if running:
        say("stops; the job that runs goes on, and the next worker looks after it")
