"""What a person at a terminal sees of long work, on stderr: one line a stage, with progress and time left."""

import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from typing import TextIO

from engine.progress import Metric, Progress

EVERY = 0.2
CHATTY = ("accelerate", "bm25s", "peft", "sentence_transformers", "torch", "trl")


class Console:
    """A report callable for one run of `stages` stages. `listen` gets every Progress and Metric too (storage,
    say).

    A terminal sees progress as it comes; anything else (a log, a pipe) gets one line when a stage has ended.
    """

    def __init__(
        self,
        stages: int,
        listen: Callable[[Progress | Metric], None] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        out: TextIO | None = None,
    ) -> None:
        self.stages, self.stage, self.title = stages, 0, ""
        self.listen, self.clock = listen, clock
        self.out = sys.stderr if out is None else out
        self.live = self.out.isatty()
        self.begun = self.part_begun = self.drawn = clock()
        self.part, self.first, self.done = "", 0, 0

    def begin(self, title: str) -> None:
        """Start the next stage."""
        self.stage, self.title, self.part = self.stage + 1, title, ""
        self.begun = self.clock()
        self._draw("")

    def end(self, what: str) -> None:
        """Finish the stage with a short word on what came of it."""
        self._draw(f"{what} · {duration(self.clock() - self.begun)}", last=True)

    def note(self, line: str) -> None:
        """A line that stays, above the one that shows progress."""
        self.out.write(f"\r\x1b[2K{line}\n" if self.live else f"{line}\n")
        self.out.flush()

    def __call__(self, said: Progress | Metric) -> None:
        """Take a Progress or Metric of the running stage."""
        if self.listen:
            self.listen(said)
        if not isinstance(said, Progress):
            return
        now = self.clock()
        if said.stage != self.part or said.done < self.done:
            # A part may go on where an earlier run stopped: what was done then took no time now.
            self.part, self.part_begun, self.first = said.stage, now, said.done
        self.done = said.done
        if self.live and (now - self.drawn > EVERY or said.done == said.total):
            eta = self._eta(said, now)
            note = f" · {said.note}" if said.note else ""
            self._draw(f"{said.stage} {said.done}/{said.total} {said.unit}{eta}{note}")

    def _eta(self, said: Progress, now: float) -> str:
        made = said.done - self.first
        left = (now - self.part_begun) / made * (said.total - said.done) if made else 0.0
        return f" · about {duration(left)} left" if left > 0 else ""

    def _draw(self, text: str, last: bool = False) -> None:
        line = f"[{self.stage}/{self.stages}] {self.title:<11} {text}".rstrip()
        self.drawn = self.clock()
        if self.live:
            # A line that wraps could not be drawn over.
            shown = line if last else line[: shutil.get_terminal_size().columns - 1]
            self.out.write(f"\r\x1b[2K{shown}" + ("\n" if last else ""))
        elif last:
            self.out.write(f"{line}\n")
        self.out.flush()


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def quiet() -> None:
    """Keep the libraries' own progress bars and advice off the terminal, and their threads and caches within
    bounds; errors still come as exceptions.

    To be called before any of them is imported: they read these settings then.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")  # transformers converts SmolLM2 with a bar of its own
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # spinning threads make a busy machine 10 times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # oneDNN keeps code for every size of a product that it met; 1,024 of them hold half a gigabyte
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
