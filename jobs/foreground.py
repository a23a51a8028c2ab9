"""One job of a kind run here and now, for commands: with a row of its own, no queue and no worker.

The same `run(job)` that the worker calls, so that a command and a queued job make the same artefact.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlite_utils import Database

from engine.errors import ConfigError
from jobs.console import Console
from jobs.kinds import KINDS, checked_spec
from jobs.processes import created
from jobs.running import Job, sentence
from jobs.workspace import home
from storage import jobs as rows
from storage.db import connect


class Made(NamedTuple):
    """The artefact's folder (None if the kind makes none) and the job that made it."""

    place: Path | None
    job: Job


@dataclass
class Work:
    """What is at work under a row: where it is now (for the row of one that is stopped), what it made."""

    where: str = ""
    made: str | None = None


@contextmanager
def recorded(db: Database, id: str, kind: str, name: str, spec: dict[str, Any]) -> Iterator[Work]:
    """A row for what this process does, ended as the block ends: done, failed, or stopped by Ctrl-C. One of
    the same id whose process is gone makes room."""
    pid, old = os.getpid(), rows.get(db, id)
    if old and old["state"] == rows.RUNNING and created(old["pid"] or 0) != old["pid_created"]:
        rows.interrupt(db, id, "its process was gone")
    rows.start(db, id, kind, name, spec, pid=pid, pid_created=created(pid))
    work = Work()
    try:
        yield work
    except KeyboardInterrupt:
        rows.interrupt(db, id, f"stopped in stage {work.where!r}" if work.where else "stopped")
        raise
    except BaseException as error:
        rows.fail(db, id, sentence(error))
        raise
    rows.finish(db, id, artifact=work.made)


def run(kind: str, fields: dict[str, Any], name: str) -> Made:
    """Run a job of `kind` with these fields of its spec. Raises LabError for what a person can mend."""
    spec = checked_spec(kind, fields)
    db = connect(home())
    id, console = f"{kind}-{name}", Console(1)
    with recorded(db, id, kind, name, spec.model_dump()) as work:
        console.begin(kind)
        job = Job(id, kind, name, spec, db, listen=console, aside=console.note)
        work.made = KINDS[kind].run(job)
    console.end(job.said)
    return Made(home() / work.made if work.made else None, job)


def indexed(name: str) -> Path:
    """The index of the dataset `name`, built now if there is none; a sample that is not imported yet is
    imported."""
    from engine.data.load import SAMPLES
    from jobs.references import find, latest_index

    db = connect(home())
    try:
        source = find(db, "dataset", name)
    except ConfigError:
        if name not in SAMPLES:
            raise
        place = run("import", {"documents": name, "name": name}, name).place
        assert place
        source = place
    made = latest_index(db, source) or run("index", {"dataset": source.name}, name).place
    assert made
    return made
