"""Where the milliseconds of an answer go: p50 and p95 by stage and arm. It measures nothing.

Only traces with `timed` count. A stage is over the questions that went through it, so its percentiles do not
add up to those of the whole answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.inference.trace import Trace

ORDER = ("retrieve", "compress", "prompt", "draft", "read", "look again", "verify")
ALL = "all"


class Timing(NamedTuple):
    """p50 and p95 in milliseconds of one stage in one arm; the stage "all" is the whole answer."""

    stage: str
    arm: str
    p50_ms: float
    p95_ms: float


def timings(latencies: Mapping[str, Sequence[Trace]]) -> list[Timing]:
    """Every stage of every arm, in the order a question goes through them, the whole answer last."""
    timed = {arm: [trace.ms for trace in traces if trace.timed] for arm, traces in latencies.items()}
    seen = dict.fromkeys(stage for taken in timed.values() for ms in taken for stage in ms)
    stages = [*(stage for stage in ORDER if stage in seen), *(stage for stage in seen if stage not in ORDER)]
    found = []
    for stage in stages:
        for arm, taken in timed.items():
            if ends := percentiles(ms[stage] for ms in taken if stage in ms):
                found.append(Timing(stage, arm, *ends))
    for arm, taken in timed.items():
        if ends := percentiles(sum(ms.values()) for ms in taken):
            found.append(Timing(ALL, arm, *ends))
    return found


def percentiles(values: Iterable[float]) -> tuple[float, float] | None:
    """p50 and p95, linearly interpolated; None of nothing."""
    import numpy as np

    known = list(values)
    if not known:
        return None
    p50, p95 = np.percentile(known, [50, 95])
    return float(p50), float(p95)


def by_stage(found: Sequence[Timing]) -> list[list[str]]:
    """The heading and a line a stage, "p50 / p95" by arm; "-" where an arm has no such stage."""
    whole_first = sorted(
        found, key=lambda one: one.stage != ALL
    )  # every arm has a whole, in the order of arms
    arms = list(dict.fromkeys(one.arm for one in whole_first))
    lines = {stage: ["-"] * len(arms) for stage in dict.fromkeys(one.stage for one in found)}
    for one in found:
        lines[one.stage][arms.index(one.arm)] = f"{one.p50_ms:.1f} / {one.p95_ms:.1f}"
    return [["stage", *arms], *([stage, *cells] for stage, cells in lines.items())]
