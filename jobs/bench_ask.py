"""How long a person waits for a warm Ask: the real orchestrator, every tier loaded, dev questions one at a
time, beside what the lab promises.

Wall-clock and processor milliseconds; on a busy machine only the latter and the shares mean much. Run it
with `python -m jobs bench --ask`; it wants an experiment, and takes its cascade if one was calibrated.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

from engine.errors import ConfigError
from engine.inference.events import Answered, Drafted, Event, Token
from engine.inference.local import LocalTier
from engine.inference.orchestrator import AnswerSpec, Parts, answer, last
from engine.inference.trace import Trace
from engine.progress import Progress, Report, silent
from jobs.opened import Opened, open_experiment

QUESTIONS, WARM_UP = 60, 3
ACCEPT = 0.7  # uncalibrated score from which a draft stands, where no cascade was calibrated
LIMITS = {"first token": 300.0, "accepted": 700.0, "escalated": 2500.0, "compression": 5.0}
WHAT = {
    "first token": "until the first word",
    "accepted": "whole answer, a smaller tier's draft stands",
    "escalated": "whole answer, the last tier was asked too",
    "refused": "whole answer, refused without the last tier",
    "compression": "share of the answers' time",
}


@dataclass(frozen=True)
class Asked:
    """One answer: how it ended ("accepted", "escalated", "refused"), and milliseconds, wall-clock and the
    processor's, until its first word (None where no tier was asked) and until its end."""

    ending: str
    first: tuple[float, float] | None
    whole: tuple[float, float]
    stages: dict[str, float]


def bench_ask(name: str, report: Report = silent, *, device: str | None = None) -> dict[str, Any]:
    """Ask up to QUESTIONS dev questions of the experiment `name` as its playground does, and return p50 and
    p95 by kind. Raises ConfigError for an experiment without dev questions."""
    import torch

    from engine.device import load_average, pick

    load_before = load_average()
    opened = open_experiment(name, device)
    parts, spec = served(opened)
    dev = [question.question for question in opened.dev]
    if not dev:
        raise ConfigError(f"The experiment {name!r} has no dev questions to ask: run its quickstart again.")
    chosen = dev[:: max(1, len(dev) // QUESTIONS)][:QUESTIONS]
    for tier in parts.ladder:
        _ = tier.loaded if isinstance(tier, LocalTier) else None
    rows = measured(parts, spec, chosen, [one.question for one in opened.test[:WARM_UP]], report)
    return {
        "experiment": name,
        "calibrated": opened.cascade() is not None,
        "tiers": [tier.name for tier in parts.ladder],
        "machine": pick(device).label,
        "threads": torch.get_num_threads(),
        "load_before": load_before,
        **summed(rows),
    }


def served(opened: Opened) -> tuple[Parts, AnswerSpec]:
    """What the playground answers with: the calibrated cascade, else the first model and the large one."""
    if found := opened.cascade():
        return found
    first = "adapter" if opened.adapter else "small"
    return opened.ladder(first, "large"), opened.spec().model_copy(update={"accept": ACCEPT})


def measured(
    parts: Parts,
    spec: AnswerSpec,
    questions: Sequence[str],
    warm_up: Sequence[str],
    report: Report = silent,
) -> list[Asked]:
    """Ask each question once, after every tier was asked the `warm_up` ones."""
    for tier in parts.ladder:
        for question in warm_up:
            last(answer(replace(parts, loaded=None, tiers=(tier,)), question, spec))
    rows = []
    for question in questions:
        asking = partial(answer, parts, question, spec)
        rows.append(timed(asking, parts.ladder[-1].name))
        report(Progress("ask", len(rows), len(questions), "questions"))
    return rows


def timed(ask: Callable[[], Iterator[Event]], last_tier: str) -> Asked:
    """Take the events of one question, and the times of the first word and of the end."""
    wall, cpu = time.perf_counter(), time.process_time()

    def now() -> tuple[float, float]:
        return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)

    first, trace = None, None
    for event in ask():
        if first is None and isinstance(event, Token | Drafted):
            first = now()
        trace = event.trace if isinstance(event, Answered) else trace
    if trace is None:
        raise ValueError("the events ended without an answer")
    return Asked(ending(trace, last_tier), first if trace.drafts else None, now(), trace.ms)


def ending(trace: Trace, last_tier: str) -> str:
    """Whether the last tier was asked after others, else whether one of these stands."""
    if len(trace.drafts) > 1 and trace.drafts[-1].tier == last_tier:
        return "escalated"
    return "refused" if trace.answer.refused else "accepted"


def summed(rows: Sequence[Asked]) -> dict[str, Any]:
    """p50 and p95 in milliseconds of each kind, the compression's share of all time in percent, and the
    median milliseconds of each stage over the answers that have it."""
    firsts = [row.first for row in rows if row.first is not None]
    figures = {"first token": _figure("first token", firsts)}
    for kind in ("accepted", "escalated", "refused"):
        figures[kind] = _figure(kind, [row.whole for row in rows if row.ending == kind])
    total = sum(sum(row.stages.values()) for row in rows)
    share = 100 * sum(row.stages.get("compress", 0.0) for row in rows) / total if total else 0.0
    names = dict.fromkeys(name for row in rows for name in row.stages)
    stages = {
        name: round(median(row.stages[name] for row in rows if name in row.stages), 1) for name in names
    }
    return {"questions": len(rows), "figures": figures, "compression": round(share, 2), "stages": stages}


def shown(result: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    load = result["load_before"]
    busy = "" if load is None else f"; load before it began: {load:.1f}"
    how = "calibrated cascade" if result["calibrated"] else "uncalibrated"
    lines = [
        f"{result['machine']} ({result['threads']} threads){busy}",
        f"{result['questions']} dev questions of {result['experiment']!r}, {how}: "
        f"{', then '.join(result['tiers'])}",
        "",
        f"{'':<12} {'n':>4} {'p50 ms':>8} {'p95 ms':>8} {'limit':>7}   {'processor p50, p95':<20}",
    ]
    for name, one in result["figures"].items():
        if one["n"]:
            limit = f"{one['limit']:.0f}" if one["limit"] else "-"
            spent = f"{one['cpu_p50']:.0f}, {one['cpu_p95']:.0f}"
            lines.append(
                f"{name:<12} {one['n']:>4} {one['p50']:>8.0f} {one['p95']:>8.0f} {limit:>7}   {spent:<20} "
                f"{WHAT[name]}{_kept(one['p95'], one['limit'])}"
            )
    share, most = result["compression"], LIMITS["compression"]
    lines.append(
        f"{'compression':<12} {'':>4} {share:>7.1f}% {'':>8} {most:>6.0f}%   {'':<20} "
        f"{WHAT['compression']}{_kept(share, most)}"
    )
    stages = ", ".join(f"{name} {value:.0f}" for name, value in result["stages"].items())
    return "\n".join([*lines, "", f"Median ms by stage, where it was taken: {stages}"])


def _kept(value: float, limit: float | None) -> str:
    return "" if limit is None else ": kept" if value < limit else ": OVER"


def _figure(name: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    import numpy as np

    made: dict[str, Any] = {"n": len(pairs), "limit": LIMITS.get(name)}
    for place, clock in enumerate(("", "cpu_")):
        values = [pair[place] for pair in pairs]
        for share in (50, 95):
            made[f"{clock}p{share}"] = round(float(np.percentile(values, share)), 1) if values else None
    return made
