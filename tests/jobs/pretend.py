"""`python -m tests.jobs.pretend ...`: the command line with one more kind of job, `pretend`, that takes no
model: it counts, keeps a checkpoint, and does on request whatever a real job may do wrong."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.artifact import read_manifest, write_json, writing
from engine.errors import TrainingError
from engine.progress import Metric, Progress, Stopped
from jobs import kinds, worker
from jobs.kinds.fields import Device, Frozen
from jobs.running import Job
from jobs.workspace import artifact, home, under_home


class Spec(Frozen):
    """How to pretend."""

    steps: int = Field(5, ge=1, le=10_000, description="steps to count")
    seconds: float = Field(0.0, ge=0, le=60, description="time a step takes")
    do: str = Field("", description="what goes wrong, at the last step")
    device: Device = "auto"
    note: str = Field("", description="anything at all")


def run(job: Job) -> str | None:
    """Count from the checkpoint on; `ended.txt` gets a line for each run that came to its end."""
    spec: Spec = job.spec
    place, work = artifact("pretend", job.id), home() / "work" / job.id
    if (place / "manifest.json").is_file():
        read_manifest(place)
        return under_home(place)
    work.mkdir(parents=True, exist_ok=True)
    saved = work / "at.json"
    begun = read_manifest_of(saved)
    for step in range(begun + 1, spec.steps + 1):
        job.report(Metric("value", step, step * 0.5))
        job.report(Progress("train" if spec.do == "save" else "count", step, spec.steps, "steps"))
        write_json(saved, {"step": step})
        if spec.do == "save" and job.cancelled():
            (work / "saved.txt").write_text(str(step))
            raise Stopped
        time.sleep(spec.seconds)
    misbehave(spec.do)
    if spec.do == "nothing":
        return under_home(place)
    with writing(place, {"kind": "pretend", "steps": spec.steps, "begun": begun}) as folder:
        (folder / "made.txt").write_text("whole")
    with (home() / "ended.txt").open("a") as ended:
        ended.write(f"{job.id}\n")
    job.say(f"counted to {spec.steps}")
    return under_home(place)


def read_manifest_of(saved: Path) -> int:
    """The step of the checkpoint, 0 without one."""
    import json

    return int(json.loads(saved.read_text())["step"]) if saved.is_file() else 0


def misbehave(what: str) -> None:
    """Do what a real job may do."""
    if what == "fail":
        raise TrainingError("The loss is not a number: lower the learning rate.")
    if what == "bug":
        raise KeyError("missing")
    if what == "memory":
        raise MemoryError
    if what == "disk":
        raise OSError(28, "No space left on device", "some/file")
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "quit":
        os._exit(0)
    if what == "deaf":  # neither the flag nor SIGTERM is heard
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if what == "busy":  # the flag is not looked at
        time.sleep(600)
    if what == "crash":
        ctypes.string_at(0)


KIND = kinds.Kind("pretend", "Pretend", "count", Spec, run, "pretend", True, None)
PROGRAM = ("-m", "tests.jobs.pretend")


def main(arguments: list[str]) -> Any:
    """The command line, here and in the processes that a worker starts."""
    kinds.KINDS["pretend"] = KIND
    worker.PROGRAM = PROGRAM
    from jobs.__main__ import main as command_line

    return command_line(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
