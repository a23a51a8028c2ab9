"""Cleaning at size: documents of 1 kB with planted faults, cleaned at N/100, N/10 and N, so that it shows
whether the cost stays linear.

What was planted is known, so that what each filter finds is told beside it. Run it with
`python -m jobs bench --clean 100000`.
"""

import os
import random
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from engine.data.clean import CleanSpec, clean
from engine.data.load import samples
from engine.data.records import Corpus, Document
from engine.device import load_average
from engine.progress import Report, silent

LETTERS = 1_000
SPEC = CleanSpec(language="en", pii="all")  # every filter on, personal data and language too
NOTICE = "This page is part of the collection and may be quoted with its name."
PERSONAL = {
    "email": "Write to ada.lind{n}@velden.example for a copy.",
    "phone": "Call +47 22 {n:04d} 0199 in the morning.",
    "card": "It was paid with 4539 1488 0343 6467 that day.",
    "ip": "The request came from 192.0.2.{byte} at night.",
}
FOREIGN = (
    "Der Hafen wurde im Sommer gebaut und die Schiffe kamen aus vielen Städten an der Küste. Die Leute "
    "standen lange am Wasser und sahen ihnen zu, bis es dunkel wurde und der Wind von Norden kam. ",
    "Le port fut construit pendant un été très long et les bateaux venaient de toutes les villes de la côte. "
    "Les gens restaient près de l'eau et les regardaient jusqu'à la nuit, quand le vent se levait. ",
    "El puerto fue construido durante un verano muy largo y los barcos llegaban de todas las ciudades de la "
    "costa. La gente se quedaba cerca del agua y los miraba hasta la noche, cuando soplaba el viento. ",
)


class Run(NamedTuple):
    """One size: what it took, and what was found of what was planted. Rates are documents a second."""

    documents: int
    kept: int
    seconds: float
    processor: float
    rate: float
    peak_mb: float
    planted: dict[str, int]
    found: dict[str, int]
    steps: dict[str, float]


def bench_clean(most: int, report: Report = silent) -> dict[str, Any]:
    """Clean `most` documents and a tenth and a hundredth of them, smallest first: the peak memory of a run is
    this process's own so far. `growth` is the rate at the largest size by that at the smallest."""
    import psutil

    load = load_average()
    clean(Corpus(made(100)[0]), SPEC)  # warm-up: what is loaded once is not counted
    sizes = sorted({max(100, size) for size in (most // 100, most // 10, most)})
    runs = [_run(size, report) for size in sizes]
    slowness = [run.processor / run.documents for run in runs]
    return {
        "letters": LETTERS,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": load,
        "spec": SPEC.model_dump(),
        "runs": [run._asdict() for run in runs],
        "growth": round(runs[-1].rate / runs[0].rate, 3),
        "growth_processor": round(slowness[0] / slowness[-1], 3),
    }


def shown(result: dict[str, Any]) -> str:
    """The result as a person reads it at a terminal."""
    busy = "" if result["load_before"] is None else f"; load before it began: {result['load_before']:.1f}"
    lines = [f"{result['letters']} letters a document, {result['cores']} cores{busy}", ""]
    lines.append("documents     kept   seconds  documents/s  processor s   peak MB")
    for run in result["runs"]:
        lines.append(
            f"{run['documents']:>9,}{run['kept']:>9,}{run['seconds']:>10.1f}{run['rate']:>13,.0f}"
            f"{run['processor']:>13.1f}{run['peak_mb']:>10,.0f}"
        )
    last = result["runs"][-1]
    growth = f"growth: {result['growth']:.2f} of the smallest run's rate at the largest (1: linear)"
    lines += ["", f"{growth}, {result['growth_processor']:.2f} by processor time"]
    lines.append("seconds by filter: " + ", ".join(f"{name} {s:.1f}" for name, s in last["steps"].items()))
    lines += ["", "found of what was planted:"]
    lines += [f"{name:<14}{last['found'].get(name, 0):>8,} of {n:,}" for name, n in last["planted"].items()]
    return "\n".join(lines)


def _run(size: int, report: Report) -> Run:
    documents, planted = made(size)
    clock, listen = _stopwatch(report)
    wall, processor = time.perf_counter(), _processor()
    cleaned = clean(Corpus(documents), SPEC, listen)
    seconds, used = time.perf_counter() - wall, _processor() - processor
    found = Counter({step.filter: step.removed for step in cleaned.steps if step.removed})
    for step in cleaned.steps:
        if step.filter == "pii":
            found.update(step.counts)
        if step.filter == "boilerplate":
            found["notice"] = sum(step.counts.values())
    return Run(
        size,
        len(cleaned.corpus.documents),
        round(seconds, 2),
        round(used, 2),
        round(size / seconds, 1),
        _peak_mb(),
        planted,
        {name: found[name] for name in planted},
        clock,
    )


def _peak_mb() -> float:
    """The most memory this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def _processor() -> float:
    """Processor seconds of this process and of those it has waited for."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _stopwatch(report: Report) -> tuple[dict[str, float], Report]:
    """Seconds by filter, filled by the progress that cleaning reports."""
    spent: dict[str, float] = {}
    running: list[Any] = ["", 0.0]

    def listen(said: Any) -> None:
        report(said)
        if getattr(said, "stage", "") == "clean":
            now = time.perf_counter()
            if running[0]:
                spent[running[0]] = round(now - running[1], 2)
            running[:] = [said.note, now]

    return spent, listen


def made(size: int, seed: int = 0) -> tuple[tuple[Document, ...], dict[str, int]]:
    """`size` documents and how many of each fault are in them: 2 in 100 the same as an earlier one, 3 nearly,
    2 in another language, 2 that are no prose, 1 too short, 4 with personal data; all carry one notice."""
    rng = random.Random(seed)
    write = _writer(rng)
    planted: Counter[str] = Counter()
    documents: list[Document] = []
    plain: list[int] = []
    for number in range(size):
        draw = number % 100
        if draw in (20, 40) and plain:
            text = documents[rng.choice(plain)].text
            planted["exact"] += 1
        elif draw in (30, 50, 70) and plain:
            words = documents[rng.choice(plain)].text.split(" ")
            words[rng.randrange(len(words))] = "lantern"
            text = " ".join(words)
            planted["near"] += 1
        elif draw in (60, 61):
            text = FOREIGN[number % len(FOREIGN)] * 5 + f"\n{NOTICE}"
            planted["language"] += 1
        elif draw in (80, 81):
            text = " ".join(f"{rng.randrange(10**6):06d}|{rng.randrange(99)}" for _ in range(100))
            planted["quality"] += 1
        elif draw == 90:
            text = "See above."
            planted["length"] += 1
        else:
            text = write()
            if draw in (10, 11, 12, 13):
                kind = list(PERSONAL)[draw - 10]
                text += " " + PERSONAL[kind].format(n=number % 10_000, byte=number % 250 + 1)
                planted[kind] += 1
            elif draw > 20:
                plain.append(number)
            text += f"\n{NOTICE}"
        documents.append(Document(f"d{number}", f"Document {number}", text, f"made/{number}.txt"))
    planted["notice"] = sum(NOTICE in document.text for document in documents)
    return tuple(documents), dict(planted)


def _writer(rng: random.Random) -> Callable[[], str]:
    """Texts of about LETTERS letters that read like the sample's: each word one that follows the word before
    it there."""
    follows: defaultdict[str, list[str]] = defaultdict(list)
    words = [word for document in samples("space").documents for word in document.text.split()]
    for one, other in pairwise(words):
        follows[one].append(other)

    def drawn() -> Iterator[str]:
        word, letters = rng.choice(words), 0
        while letters < LETTERS - len(NOTICE):
            yield word
            letters += len(word) + 1
            word = rng.choice(follows[word] or words)

    return lambda: " ".join(drawn())
