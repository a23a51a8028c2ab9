"""A job in a process of a cluster, where there is no lab.db: what it needs comes from the depot, what it says
goes out as JSON lines, what it makes goes to the depot. Knows no scheduler.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine.artifact import read_manifest
from engine.errors import LabError
from engine.progress import Metric, Progress
from jobs import depot
from jobs.kinds import KINDS, checked_spec
from jobs.running import Job, sentence
from jobs.workspace import artifact, home
from storage import artifacts, queue
from storage.db import connect
from storage.errors import StorageError

TASK = "BANTAM_TASK"  # the job's row as JSON: id, kind, name, spec, and `inputs`, [kind, id] of what it needs
MARK = "bantam"


def asked() -> bool:
    """Whether this process is a cluster's."""
    return bool(os.environ.get(TASK))


def run() -> dict[str, Any]:
    """Run the task and return what came of it. What goes wrong is said as a line and raised again."""
    task = json.loads(os.environ[TASK])
    os.environ["BANTAM_HOME"] = str(Path(tempfile.gettempdir()) / f"bantam-{task['id']}")  # for every attempt
    try:
        made = _work(task)
    except (LabError, StorageError) as error:
        say("error", text=sentence(error))
        raise
    say("done", artifact=made)
    return {"id": task["id"], "state": "done", "artifact": made}


def say(what: str, **more: Any) -> None:
    """One JSON line on stdout."""
    sys.stdout.write(json.dumps({MARK: what, **more}) + "\n")
    sys.stdout.flush()


def _work(task: dict[str, Any]) -> str | None:
    db = connect(home())
    for kind, id in task["inputs"]:
        depot.get(artifact(kind, id))
        if kind == "dataset" and artifacts.find_dataset(db, id=id) is None:
            _record(db, id)
    if queue.take(db, task["id"]) is None:
        queue.enqueue(db, task["id"], task["kind"], task["name"], task["spec"])
    job = Job(
        task["id"], task["kind"], task["name"], checked_spec(task["kind"], task["spec"]), db, listen=_line
    )
    made = KINDS[task["kind"]].run(job)
    for line in [*job.lines, job.said]:
        print(line, file=sys.stderr)
    if made:
        depot.put(home() / made)
    return made


def _record(db: Any, id: str) -> None:
    manifest = read_manifest(artifact("dataset", id))
    counts = {name: manifest[name] for name in ("name", "fingerprint", "documents", "questions")}
    artifacts.record_dataset(db, id=id, path=f"artifacts/dataset/{id}", **counts)


def _line(said: Progress | Metric) -> None:
    if isinstance(said, Metric):
        say("metric", name=said.name, step=said.step, value=said.value)
    else:
        say("progress", stage=said.stage, done=said.done, total=said.total, unit=said.unit, note=said.note)
