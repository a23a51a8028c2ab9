"""A synthesis by a teacher whose job is killed again and again while it asks: is any call paid twice?
`python -m tests.jobs.paid [--rows 2000] [--kills 3] [--concurrency 1]` prints the figures.

The job is a real one, in a queue, under a worker; the teacher is a server of the tests' own that counts what
it answers and kills the job's process (SIGKILL) in the middle of a request. What is under way then is not
answered. With more than one request at a time, others may have been answered to a process that was already
dead: these, at most one a request under way, are asked again, and counted.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from engine.artifact import read_manifest
from jobs import processes
from jobs.bench_clean import made
from storage import jobs
from storage.db import connect
from tests.commands import ROOT, environment, run
from tests.engine.test_compose import honest
from tests.servers import serving

KINDS = "fact,number,why,unanswerable"
DOCUMENTS = 0.4  # for a row: of each some questions of four kinds are kept
SETTINGS = {"kinds": KINDS, "rewordings": 0, "check": "false", "repairs": 0, "model": "tiny"}


class Figures(NamedTuple):
    """Rows kept; calls the job counted in its last run, of them from the cache; requests answered, and how
    many of them more than once; kills; runs of the job."""

    kept: int
    calls: int
    cached: int
    answered: int
    twice: int
    kills: int
    runs: int


def paid(home: Path, rows: int, kills: int, concurrency: int = 1) -> Figures:
    """Write `rows` questions in a workspace at `home`, with `kills` spread over them."""
    folder = home.parent / "documents"
    folder.mkdir()
    for document in made(int(rows * DOCUMENTS) + 10)[0]:
        (folder / f"{document.id}.txt").write_text(document.text, encoding="utf-8")
    assert run("import", str(folder), "--name", "made", home=home).code == 0
    left = [rows * (2 * kill + 1) // (2 * kills) for kill in range(kills)]
    answered: Counter[str] = Counter()
    lock = threading.Lock()

    def answer(body: dict[str, Any]) -> str:
        with lock:
            if left and answered.total() >= left[0]:
                left.pop(0)
                _kill(home)
                raise ConnectionError  # nobody is there to be answered
            answered[json.dumps(body["messages"])] += 1
        return honest(body)

    with serving(answer) as server:
        told = SETTINGS | {"base_url": server.url, "target": rows, "concurrency": concurrency}
        first = run("submit", "index", "--set", "dataset=made", "--json", home=home)
        needed = json.loads(first.out)["id"]
        words = [f"{name}={value}" for name, value in told.items()]
        more = ("--needs", needed, "--set", "dataset=made", *words, "--json")
        id = json.loads(run("submit", "compose", *more, home=home, BANTAM_ATTEMPTS=str(kills + 1)).out)["id"]
        worker = [sys.executable, "-m", "jobs", "worker", "--until-idle"]
        subprocess.run(
            worker, cwd=ROOT, env=environment(home), capture_output=True, timeout=14_400, check=True
        )
    row = jobs.get(connect(home), id)
    assert row and row["state"] == jobs.DONE, row and row["error"]
    manifest = read_manifest(home / row["artifact"])
    return Figures(
        manifest["counts"]["kept"],
        manifest["spent"]["calls"],
        manifest["spent"]["cached"],
        len(answered),
        answered.total() - len(answered),
        kills - len(left),
        row["attempts"],
    )


def _kill(home: Path) -> None:
    """SIGKILL for the process of the job that asks."""
    (row,) = jobs.listed(connect(home), kind="compose", state=jobs.RUNNING)
    assert processes.created(row["pid"]) == row["pid_created"]
    os.kill(row["pid"], signal.SIGKILL)


def main() -> None:
    """Run it in a workspace of its own and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("rows", 2000), ("kills", 3), ("concurrency", 1)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(paid(Path(folder) / "home", options.rows, options.kills, options.concurrency)._asdict())


if __name__ == "__main__":
    main()
