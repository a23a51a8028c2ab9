"""How many tokens a second LoRA training learns from here: a real run, watched for a while and left.

A part of jobs/bench.py. Keeps no adapter.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from engine.catalog import lookup
from engine.data.records import Question
from engine.inference.model import load
from engine.progress import Metric, Progress, Report
from engine.retrieval.index import Index
from engine.training import examples, sft

SECONDS = 15.0


class Trained(NamedTuple):
    """Tokens a second over the run, what was done, and tokens a second from step to step."""

    rate: float
    what: str
    rates: list[float]


class _Enough(Exception):
    """Training has been watched for long enough."""


class _Watch:
    """Listens to a training run: tokens seen by the second, until `seconds` have passed since it began."""

    def __init__(self, seconds: float, console: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.console, self.clock = seconds, console, clock
        self.points: list[tuple[float, float]] = []

    def __call__(self, said: Progress | Metric) -> None:
        now = self.clock()
        if isinstance(said, Progress) and not self.points:
            self.points.append((now, 0.0))
        elif isinstance(said, Metric) and said.name == "num_tokens":
            self.points.append((now, said.value))
            spent = min(now - self.points[0][0], self.seconds)
            self.console(Progress("train", round(spent), round(self.seconds), "s"))
            if spent >= self.seconds:
                raise _Enough

    def rates(self) -> list[float]:
        """Tokens a second between one report and the next, without the first, which pays for starting up."""
        pairs = list(zip(self.points, self.points[1:], strict=False))
        return [(b[1] - a[1]) / (b[0] - a[0]) for a, b in (pairs[1:] or pairs)]

    def rate(self) -> tuple[float, float]:
        """Tokens a second over all that `rates` covers, and how many tokens these are."""
        first = self.points[1 if len(self.points) > 2 else 0]
        tokens = self.points[-1][1] - first[1]
        return tokens / (self.points[-1][0] - first[0]), tokens


def training(
    name: str, tokenizer: Any, index: Index, questions: Sequence[Question], report: Report
) -> Trained:
    """Train an adapter for the model `name` on the questions' evidence for SECONDS."""
    known = [question for question in questions if question.answerable and question.evidence]
    rows = examples.rows(known, index, tokenizer, report=report)
    model = load(name, merge=False, precision=sft.precision(name, None))
    spec = sft.LoraSpec(r=32, alpha=64, epochs=100, learning_rate=sft.usual_rate(lookup(name).parameters))
    watch = _Watch(SECONDS, report)
    with tempfile.TemporaryDirectory(prefix="bantam-bench-") as work, suppress(_Enough):
        sft.train(model, rows, spec, Path(work), watch)
    rate, tokens = watch.rate()
    what = f"LoRA of rank {spec.r} on {name}, {tokens:.0f} tokens, {spec.batch} rows a step, padding left out"
    return Trained(rate, what, watch.rates())
