"""A queue of indexing, training and evaluation under SIGKILLs at random moments, beside the same queue left
in peace. `python -m tests.jobs.kills [--seed N] [--kills N]` prints the figures.

Killed are the worker, the process of the running job, and a page's process, which submits the jobs one by one
and reads all the time as the lab's pages do. Whoever is killed is started again, as `make lab` does. The
kills are spread over the queue, so that every kind of job is hit however fast the machine is: each job has
its share of them, and is itself hit a few times at most, while it loads or while it works.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.artifact import writing
from engine.data.records import Question
from jobs import processes
from jobs.material import FILE, save_questions
from storage import jobs
from storage.db import connect, fetch
from storage.errors import StorageError
from tests import tiny
from tests.commands import ROOT, environment, write_material

KILLS = 50
PAUSE = (0.1, 3.0)  # seconds between two kills
HITS = 2  # a job's own process is killed so often at most
DEADLINE = 1500.0
WRITTEN = "written"
TRAINING = (  # none is like a test question: that is refused
    ("In which year did ships first come in?", "1874"),
    ("What did the storm of 1902 destroy?", "the eastern pier"),
    ("How many clocks are in the collection?", "620"),
    ("What is the price of a ticket?", "seven crowns"),
    ("How far does the Sorrel flow?", "212 kilometres"),
    ("In which year did the salmon come back?", "1989"),
)
PAGE = """
import json, sys, time
from jobs import queue
from storage import jobs, metrics
plan = json.loads(sys.argv[1])
while True:
    with queue.opened() as db:
        known = {row["name"]: row["id"] for row in jobs.listed(db, limit=1000)}
        for name, kind, settings, uses in plan:
            if name not in known and set(uses.values()) <= set(known):
                spec = settings | {field: known[other] for field, other in uses.items()}
                needs = [known[other] for other in uses.values()]
                known[name] = queue.submit(kind, spec, name=name, needs=needs, attempts=1000, db=db)
        for row in jobs.listed(db):
            metrics.latest(db, row["id"]), metrics.curve(db, row["id"], "loss")
    time.sleep(0.2)
"""
ENDINGS = """
create table ending (id text, claim integer);
create trigger ended after update of state on job when new.state = 'done' and old.state <> 'done'
begin insert into ending values (new.id, new.claims); end;
"""


@dataclass
class Figures:
    """What was done and what it took."""

    kills: Counter[str] = field(default_factory=Counter)
    in_job: Counter[str] = field(default_factory=Counter)
    attempts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        hit = ", ".join(f"{kind} {count}" for kind, count in sorted(self.in_job.items()))
        starts = f"{sum(self.attempts.values())} starts of {len(self.attempts)} jobs"
        fired = f"{self.kills.total()} SIGKILLs ({killed or 'none'}; jobs hit: {hit or 'none'})"
        return f"{fired}, {starts}, {self.seconds:.0f} s"


def prepare(home: Path, material: Path, model: Path) -> list[tuple[str, str, dict[str, Any], dict[str, str]]]:
    """Put written questions into the workspace, count the endings of jobs in its database, and return the
    plan: (name, kind, settings, field -> name of the job it means)."""
    home.mkdir(parents=True)
    database = connect(home)
    database.conn.executescript(ENDINGS)
    database.close()
    facts = {"kind": "questions", "counts": {"kept": len(TRAINING)}, "seed": 0}
    with writing(home / "artifacts" / "questions" / WRITTEN, facts) as folder:
        asked = [Question(f"w{n}", text, (gold,), None, "") for n, (text, gold) in enumerate(TRAINING)]
        save_questions(folder / FILE, asked)
    documents, questions = str(material / "documents"), str(material / "questions.jsonl")
    plan: list[tuple[str, str, dict[str, Any], dict[str, str]]] = [
        ("import", "import", {"documents": documents, "questions": questions, "name": "tiny"}, {})
    ]
    for number, size in enumerate((40, 96)):
        source, device = {"dataset": "import", "index": f"index{number}"}, {"device": "cpu"}
        knobs = {"small": str(model), "k": 2, "bullets": 3, "questions": WRITTEN} | device
        training = {
            "r": 4,
            "learning_rate": 0.01,
            "epochs": 12.0,
            "batch": 2,
            "micro_batch": 2,
            "seed": number,
        }
        answering = {"arms": "lora,rag+compress,lora+rag+compress", "timed": 1}
        plan += [
            (f"index{number}", "index", {"size": size} | device, {"dataset": "import"}),
            (f"train{number}", "train", knobs | training, source),
            (f"evaluate{number}", "evaluate", knobs | answering, source | {"adapter": f"train{number}"}),
        ]
    return plan


class Storm:
    """The processes of a lab on one workspace, and who kills them."""

    def __init__(self, home: Path, plan: list[Any], seed: int) -> None:
        self.home, self.plan, self.rng = home, plan, random.Random(seed)
        self.figures, self.hits = Figures(), Counter[str]()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.commands = {
            "worker": ["-m", "jobs", "worker"],
            "page": ["-c", PAGE, json.dumps(plan)],
        }

    def start(self) -> None:
        """Start whoever does not run."""
        for name, command in self.commands.items():
            process = self.running.get(name)
            if process is None or process.poll() is not None:
                with (self.home / f"{name}.err").open("ab") as said:
                    self.running[name] = subprocess.Popen(
                        [sys.executable, *command],
                        cwd=ROOT,
                        env=environment(self.home, OMP_NUM_THREADS="1"),
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=said,
                    )

    def share(self, kills: int) -> int:
        """How many kills there may have been by now: those of the jobs that are done, and of the next one."""
        done = len(self.rows(jobs.DONE))
        return kills if done >= len(self.plan) - 1 else kills * (done + 1) // len(self.plan)

    def kill(self) -> None:
        """Kill one of those that live; the job's process most often."""
        live = [
            row
            for row in self.rows(jobs.RUNNING)
            if processes.alive(row["pid"], row["pid_created"]) and self.hits[row["id"]] < HITS
        ]
        victims = ["page", "worker", "worker"] + ["job"] * 6 * len(live)
        name = self.rng.choice(victims)
        self.figures.kills[name] += 1
        if name != "job":
            self.running[name].kill()
            self.running[name].wait(timeout=60)
            return
        row = self.rng.choice(live)
        if self.rng.random() < 0.6:
            self.wait_for_work(row)
        self.hits[row["id"]] += 1
        self.figures.in_job[row["kind"]] += 1
        if processes.alive(row["pid"], row["pid_created"]):
            os.kill(row["pid"], signal.SIGKILL)

    def wait_for_work(self, row: dict[str, Any]) -> None:
        """Until the job has loaded what it needs and works, and a moment more; or it is no longer there."""
        until = time.monotonic() + 60
        while processes.alive(row["pid"], row["pid_created"]) and time.monotonic() < until:
            now = next(one for one in self.rows() if one["id"] == row["id"])
            if now["progress"] and now["progress"]["done"] > 0:
                break
            time.sleep(0.05)
        time.sleep(self.rng.uniform(0.0, 1.0))

    def rows(self, state: str | None = None) -> list[dict[str, Any]]:
        database = connect(self.home)
        try:
            return jobs.listed(database, state=state, limit=1000)
        finally:
            database.close()

    def over(self) -> bool:
        """Whether every planned job has ended."""
        rows = self.rows()
        open_ = [row for row in rows if row["state"] in (jobs.QUEUED, jobs.RUNNING, jobs.INTERRUPTED)]
        return len(rows) >= len(self.plan) and not open_

    def run(self, kills: int) -> Figures:
        """Kill so often while the queue is worked off, then let it end. Raises AssertionError when it does
        not end in time."""
        begun = time.monotonic()
        try:
            while not (self.figures.kills.total() >= kills and self.over()):
                assert time.monotonic() - begun < DEADLINE, self.said()
                self.start()
                if self.figures.kills.total() < self.share(kills):
                    time.sleep(self.rng.uniform(*PAUSE))
                    self.kill()
                else:
                    time.sleep(0.3)
        finally:
            for process in self.running.values():
                process.kill()
                process.wait(timeout=60)
            for row in self.rows(jobs.RUNNING):
                if processes.alive(row["pid"], row["pid_created"]):
                    processes.kill(row["pid"])
        self.figures.seconds = time.monotonic() - begun
        self.figures.attempts = {row["name"]: row["attempts"] for row in self.rows()}
        return self.figures

    def said(self) -> str:
        """What the processes and the jobs said last, for whoever reads a failure."""
        states = [f"{row['name']} {row['state']} {row['error']}" for row in self.rows()]
        texts = [file.read_text(errors="replace")[-1500:] for file in sorted(self.home.glob("*.err"))]
        return "\n".join([*states, *texts])


def endings(home: Path) -> Counter[str]:
    """How often each job came to its end."""
    database = connect(home)
    try:
        return Counter(row["id"] for row in fetch(database, "select id from ending"))
    except StorageError:
        return Counter()
    finally:
        database.close()


def both(folder: Path, seed: int, kills: int) -> tuple[Storm, Storm]:
    """The queue in peace and under fire, each in a workspace of its own."""
    material, model = folder / "material", tiny.model("smollm2", folder / "model")
    material.mkdir()
    write_material(material)
    storms = []
    for name, count in (("peace", 0), ("fire", kills)):
        home = folder / name
        storms.append(Storm(home, prepare(home, material, model), seed))
        print(f"{name}: {storms[-1].run(count)}", flush=True)
    return storms[0], storms[1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BANTAM_KILLS_SEED") or 0))
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        both(Path(place), options.seed, options.kills)
