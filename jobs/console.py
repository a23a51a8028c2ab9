"""What a person at a terminal sees of long work: one line a stage, with progress and the time left. All on stderr."""

import os
import sys
import time
import warnings
from collections.abc import Callable

from engine.progress import Metric, Progress

EVERY = 0.2


class Console:
    """A report callable for one run of `stages` stages. `listen` gets every Progress and Metric too (storage, say)."""

    def __init__(self, stages: int, listen: Callable[[Progress | Metric], None] | None = None) -> None:
        self.stages, self.stage, self.title = stages, 0, ""
        self.listen = listen
        self.live = sys.stderr.isatty()
        self.begun = self.part_begun = self.drawn = time.monotonic()
        self.part = ""

    def begin(self, title: str) -> None:
        """Start the next stage."""
        self.stage, self.title, self.part = self.stage + 1, title, ""
        self.begun = self.part_begun = time.monotonic()
        self._draw("")

    def end(self, what: str) -> None:
        """Finish the stage with a short word on what came of it."""
        self._draw(f"{what} · {duration(time.monotonic() - self.begun)}", last=True)

    def __call__(self, said: Progress | Metric) -> None:
        """Take a Progress or Metric of the running stage."""
        if self.listen:
            self.listen(said)
        if not isinstance(said, Progress):
            return
        if said.stage != self.part:
            self.part, self.part_begun = said.stage, time.monotonic()
        now = time.monotonic()
        if self.live and (now - self.drawn > EVERY or said.done == said.total):
            left = (now - self.part_begun) / said.done * (said.total - said.done) if said.done else None
            eta = f" · about {duration(left)} left" if left else ""
            note = f" · {said.note}" if said.note else ""
            self._draw(f"{said.stage} {said.done}/{said.total} {said.unit}{eta}{note}")

    def _draw(self, text: str, last: bool = False) -> None:
        line = f"[{self.stage}/{self.stages}] {self.title:<11} {text}".rstrip()
        self.drawn = time.monotonic()
        if self.live:
            sys.stderr.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        elif last:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def quiet() -> None:
    """Keep the libraries' own progress bars and advice off the terminal; errors still come as exceptions."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads make a busy machine 10 times slower
    warnings.filterwarnings("ignore")

