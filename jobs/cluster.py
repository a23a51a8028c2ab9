"""The runner `ray`: the same command line as a Ray Job on a cluster. Events come back as JSON lines in the
job's log; a restarted worker finds its jobs again by their names there. Attempts are ours: Ray runs a job
once.

BANTAM_RAY is the cluster's address (http://host:8265), BANTAM_ARTIFACTS the depot both sides reach. The nodes
have Bantam at the same path, or at BANTAM_RAY_ROOT with BANTAM_RAY_PYTHON.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.errors import ConfigError, LabError
from jobs import depot, remote
from jobs.queue import log
from jobs.references import find, latest_index, latest_questions
from jobs.workspace import home
from storage import jobs, metrics, queue
from storage.db import Row, to_json

ADDRESS = "BANTAM_RAY"
MOST = 16  # jobs on the cluster at once; which of them run is Ray's to say
LOOK = 1.0
LANES = ("ray", "cpu", "cuda", "mps")
ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ("dataset", "index", "questions", "adapter")


class Cluster:
    """One workspace's jobs on one cluster; `finish` starts the local process that loads what came back."""

    name = "ray"

    def __init__(self, db: Database, finish: Callable[[Row], None], client: Any = None) -> None:
        self.db, self.finish = db, finish
        self.client = client or import_module("ray.job_submission").JobSubmissionClient(os.environ[ADDRESS])
        self.handed: set[tuple[str, int]] = set()
        self.looked = 0.0

    def tick(self) -> bool:
        """Look after the jobs on the cluster once a second. Whether there are any."""
        mine = [
            row
            for row in jobs.listed(self.db, state=jobs.RUNNING, limit=1000)
            if row["runner"] == self.name and row["pid"] is None
        ]
        mine = [row for row in mine if (row["id"], row["claims"]) not in self.handed]
        if time.monotonic() - self.looked >= LOOK:
            self.looked = time.monotonic()
            for row in mine:
                self._guarded(self._follow, row)
        while (claimed := queue.claim(self.db, LANES, runner=self.name, most=MOST)) is not None:
            mine.append(claimed)
            self._guarded(self._submit, claimed)
        return bool(mine)

    def _guarded(self, act: Callable[[Row], None], row: Row) -> None:
        """A job that can't be sent fails with the reason; a cluster that does not answer is asked again."""
        try:
            act(row)
        except LabError as error:
            jobs.end(self.db, row["id"], jobs.FAILED, str(error), claim=row["claims"])
        except (ConnectionError, OSError) as error:
            print(f"worker: the cluster does not answer ({str(error)[:200]})", file=sys.stderr, flush=True)

    def _submit(self, row: Row) -> None:
        spec, inputs = dict(row["spec"]), []
        for kind in REFERENCES:
            place = self._named(row["kind"], kind, spec)
            if place is not None:
                depot.put(place)
                spec[kind] = place.name
                inputs.append([kind, place.name])
        task = {"id": row["id"], "kind": row["kind"], "name": row["name"], "spec": spec, "inputs": inputs}
        passed = {name: os.environ[name] for name in (depot.URL, "OMP_NUM_THREADS") if name in os.environ}
        python = os.environ.get("BANTAM_RAY_PYTHON") or sys.executable
        words = [python, "-m", "jobs", "run", row["id"], "--claim", str(row["claims"])]
        root = shlex.quote(os.environ.get("BANTAM_RAY_ROOT") or str(ROOT))
        self.client.submit_job(
            entrypoint=f"cd {root} && {shlex.join(words)}",
            submission_id=_name(row),
            runtime_env={"env_vars": passed | {remote.TASK: to_json(task)}},
            entrypoint_num_cpus=1,
            entrypoint_num_gpus=1 if row["device"] == "cuda" else 0,
        )
        queue.remember(self.db, row["id"], row["claims"], _name(row))

    def _named(self, job: str, kind: str, spec: dict[str, Any]) -> Path | None:
        """What the spec names, or what it means where it leaves the name out: the cluster has no list to look
        the latest up in."""
        if spec.get(kind):
            return find(self.db, kind, spec[kind])
        latest = {"index": latest_index} | ({"questions": latest_questions} if job == "train" else {})
        if kind not in spec or kind not in latest:
            return None
        with suppress(ConfigError):  # the job itself says what is missing
            return latest[kind](self.db, find(self.db, "dataset", spec["dataset"]))
        return None

    def _follow(self, row: Row) -> None:
        try:
            status = str(self.client.get_job_status(_name(row)).value)
            text = str(self.client.get_job_logs(_name(row)))
        except RuntimeError as error:  # what Ray raises for a job it does not know
            if "does not exist" not in str(error):
                raise ConnectionError(str(error)) from error
            started = row["remote"] is not None
            self._lost(row, "The cluster does not know the job any more", started=started)
            return
        events = self._read(row, text)
        if row["cancel_requested"] and status in ("PENDING", "RUNNING"):
            self.client.stop_job(_name(row))
        elif status == "STOPPED":
            self._lost(row, "It was stopped on the cluster", started=True)
        elif status == "FAILED":
            said = [event["text"] for event in events if event[remote.MARK] == "error"]
            if said:
                jobs.end(self.db, row["id"], jobs.FAILED, said[-1], claim=row["claims"])
            else:
                self._lost(
                    row, "Its process died on the cluster, perhaps because memory ran out", started=True
                )
        elif status == "SUCCEEDED":
            made = next(event["artifact"] for event in reversed(events) if event[remote.MARK] == "done")
            if made:
                depot.get(home() / made)
            self.handed.add((row["id"], row["claims"]))
            self.finish(row)

    def _read(self, row: Row, text: str) -> list[dict[str, Any]]:
        """The events in a log; numbers and progress go to storage, the other lines to the job's own log."""
        events, lines = [], []
        for line in text.splitlines():
            event = _event(line)
            events += [event] if event else []
            lines += [] if event else [line]
        place = log(row)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join([f"--- attempt {row['attempts']}, on Ray as {_name(row)}", *lines, ""]))
        numbers = [event for event in events if event[remote.MARK] == "metric"]
        if numbers:
            metrics.record_many(
                self.db, row["id"], [(one["name"], one["step"], one["value"]) for one in numbers]
            )
        progress = [event for event in events if event[remote.MARK] == "progress"]
        last = {name: it for name, it in progress[-1].items() if name != remote.MARK} if progress else None
        queue.beat(self.db, row["id"], row["claims"], last and last | {"eta": None})
        return events

    def _lost(self, row: Row, why: str, *, started: bool) -> None:
        said = "cancelled while it ran" if row["cancel_requested"] else f"{why} (attempt {row['attempts']})"
        queue.give_back(self.db, row["id"], row["claims"], said, started=started)


def _name(row: Row) -> str:
    """The job's name on the cluster: each claim has its own, so a restarted worker knows it."""
    return f"{row['id']}-{row['claims']}"


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get(remote.MARK), str) else None


def usable() -> bool:
    """Whether a cluster is named and Ray is installed here."""
    if not os.environ.get(ADDRESS):
        return False
    try:
        import_module("ray.job_submission")
    except ImportError:
        return False
    return True
