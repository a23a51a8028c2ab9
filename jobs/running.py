"""What a kind of job is given to run with: its spec, where to report, whether to stop, what others made.

Writes progress and metrics to storage under one claim of the job; a process that has lost the claim is
stopped. Knows no kind.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.errors import LabError
from engine.progress import Metric, Progress, Stopped
from storage import metrics, queue

EVERY = 0.5  # seconds between writes of progress, and between looks at the flag that asks to stop


@dataclass
class Job:
    """One run of one job.

    `made` holds what the other parts of the same plan made, by kind. `listen` hears every report, `aside`
    every line for the log (a terminal). In the foreground `claim` is None: nobody can take the job away, and
    Ctrl-C stops it.
    """

    id: str
    kind: str
    name: str
    spec: Any
    db: Database
    claim: int | None = None
    made: dict[str, Path] = field(default_factory=dict)
    listen: Callable[[Progress | Metric], None] | None = None
    aside: Callable[[str], None] | None = None
    clock: Callable[[], float] = time.monotonic
    said: str = ""
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._part, self._begun, self._first, self._done = "", self.clock(), 0, 0
        self._written, self._stop, self._last = -EVERY, False, Progress("", 0, 0)

    @property
    def device(self) -> str | None:
        """The device asked for, or None for the best there is."""
        asked = getattr(self.spec, "device", "auto")
        return None if asked == "auto" else str(asked)

    def report(self, said: Progress | Metric) -> None:
        """Keep a number at once, and progress twice a second. Raises Stopped when the job is to stop.

        While it trains, it is asked by `cancelled` instead, so that a checkpoint is saved first.
        """
        if isinstance(said, Metric):
            metrics.record(self.db, self.id, said.name, said.step, said.value)
        if self.listen:
            self.listen(said)
        if isinstance(said, Metric):
            return
        now = self.clock()
        if said.stage != self._part or said.done < self._done:
            self._part, self._begun, self._first = said.stage, now, said.done
        self._done, self._last = said.done, said
        if self.claim is not None and (now - self._written >= EVERY or said.done == said.total):
            self._write(now)
        if self._stop and said.stage != "train":
            raise Stopped

    def cancelled(self) -> bool:
        """Whether somebody asked this job to stop, or it is no longer this process's."""
        if self.claim is not None and not self._stop and self.clock() - self._written >= EVERY:
            self._write(self.clock())
        return self._stop

    def say(self, what: str) -> None:
        """What came of it, in a few words: the end of its line at a terminal, the note of its progress."""
        self.said = what
        if self.claim is not None:
            queue.beat(
                self.db, self.id, self.claim, self._progress(self.clock()) | {"note": what, "eta": None}
            )
            self.tell(what)

    def tell(self, line: str) -> None:
        """A line for the log."""
        if self.claim is None:
            self.lines.append(line)
            if self.aside:
                self.aside(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def _write(self, now: float) -> None:
        self._written = now
        assert self.claim is not None
        row = queue.beat(self.db, self.id, self.claim, self._progress(now))
        self._stop = row is None or row["cancel_requested"]

    def _progress(self, now: float) -> dict[str, Any]:
        said, made = self._last, self._last.done - self._first
        left = (now - self._begun) / made * (said.total - said.done) if made > 0 else None
        return {
            "stage": said.stage,
            "done": said.done,
            "total": said.total,
            "unit": said.unit,
            "note": said.note,
            "eta": None if left is None else round(left, 1),
        }


def sentence(error: BaseException) -> str:
    """An error as the one sentence that a job keeps. What a person can mend says so itself; the rest is a
    bug, or the machine's limits."""
    text = " ".join(str(error).split())
    if isinstance(error, LabError) or type(error).__name__ == "StorageError":
        return text
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text:
        return f"There is not enough memory ({text[:200]}): take a smaller model, batch or length."
    if isinstance(error, OSError) and error.errno == 28:
        return f"The disk is full ({error.filename or 'while writing'}): free some space and resume the job."
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__
