"""What long work says while it runs: Progress and Metric, handed to a `report` callable.

A job stores them, a notebook draws a bar, a test keeps a list. Knows nothing of who listens.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of a stage (for example 120 of 240 "chunks"); `note` is a short
    remark in plain words."""

    stage: str
    done: int
    total: int
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """One measured number: `value` of `name` at `step` (a training step, or 0 where there is no step)."""

    name: str
    step: int
    value: float


class Stopped(KeyboardInterrupt):
    """Somebody asked the work to stop, and what can be gone on from is saved. As Ctrl-C, it passes by all
    that handles errors."""


Report = Callable[[Progress | Metric], None]
T = TypeVar("T")


def silent(_: Progress | Metric) -> None:
    """The report that nobody reads."""


def tracked(items: Iterable[T], total: int, stage: str, unit: str, report: Report) -> Iterator[T]:
    """Yield `items`, reporting how many are finished, first with 0 and once after each."""
    report(Progress(stage, 0, total, unit))
    for done, item in enumerate(items, 1):
        yield item
        report(Progress(stage, done, total, unit))
