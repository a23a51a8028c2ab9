"""How fast the pages are on a large workspace: `python -m app.bench` fills one (1,000 jobs, a million
numbers, in a temporary folder), then reruns every page and prints p50 and p95, and what a fresh process
needs for its first page.

The time is the script's, from a rerun to its last element, as the server spends it; what the browser then
needs to draw is not in it.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ("overview", "data", "index", "train", "evaluate", "jobs", "models", "playground")
CURVES = ("loss", "learning_rate", "grad_norm", "num_tokens")
KINDS = ("train", "index", "evaluate", "train", "import")
LIMIT_MS = 300
FIRST = """import sys, time
begun = time.perf_counter()
from streamlit.testing.v1 import AppTest
at = AppTest.from_file(sys.argv[1], default_timeout=120).run()
assert not at.exception, at.exception
print(time.perf_counter() - begun, "torch" in sys.modules)
"""


def fill(home: Path, jobs: int, numbers: int) -> None:
    """A workspace with that many jobs, numbers measured by the training ones, and an experiment with
    answers."""
    from engine.artifact import writing
    from storage import artifacts, metrics, queue
    from storage import jobs as rows
    from storage.db import connect

    db = connect(home)
    trained = [number for number in range(jobs) if KINDS[number % len(KINDS)] == "train"]
    steps = math.ceil(numbers / max(1, len(trained)) / len(CURVES))
    for number in range(jobs):
        id, kind = f"bench-{number}", KINDS[number % len(KINDS)]
        queue.enqueue(
            db, id, kind, f"run {number}", {"dataset": "space", "r": 8 + number % 5}, at=_at(number)
        )
        queue.claim(db, ["cpu"], most=jobs, at=_at(number))
        if kind == "train":
            values = ((name, step, math.exp(-step / 99)) for name in CURVES for step in range(steps))
            metrics.record_many(db, id, values, at=_at(number))
        if number < jobs - 2:
            rows.end(
                db,
                id,
                rows.FAILED if number % 17 == 0 else rows.DONE,
                "a reason" if number % 17 == 0 else None,
            )
    for number in range(50):
        id = f"{number:016x}"
        for kind, made in (("dataset", {}), ("index", {"dataset": id}), ("adapter", {"index": id})):
            with writing(home / "artifacts" / kind / id, {"kind": kind, "fingerprint": id, **made}):
                pass
        artifacts.record_dataset(
            db, id=id, name=f"set{number}", fingerprint=id, documents=9, questions=9, path="space"
        )
        artifacts.record_index(
            db, id=id, dataset_id=id, fingerprint=id, path=f"artifacts/index/{id}", manifest={"chunks": 99}
        )
        artifacts.record_model(
            db,
            id=id,
            name=f"adapter {number}",
            base="bantam-small",
            kind="adapter",
            path="",
            manifest={"index": id},
        )
    _experiment(home, db)
    db.close()


def _at(number: int) -> str:
    return f"2026-01-{1 + number // 60 // 24 % 28:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00.000000Z"


def _experiment(home: Path, db: Any) -> None:
    from engine.artifact import writing
    from engine.data.records import Question
    from engine.evaluation.report import write_report
    from engine.evaluation.scoring import score, summarize
    from engine.inference.trace import Answer, Bullet, Trace, Verdict
    from storage import answers
    from storage import jobs as rows

    bullets = tuple(Bullet(n, "A sentence of evidence. " * 6, "titan", n, 0, 140, 1.0) for n in range(1, 7))
    asked = [Question(f"q{n}", f"What is number {n}?", (str(n),)) for n in range(300)]
    arms = {}
    for number, arm in enumerate(("Baseline", "LoRA", "RAG+Compress", "LoRA+RAG+Compress")):
        arms[arm] = [
            score(
                one,
                Trace(
                    one.question,
                    Answer(one.answers[0] if place % 4 <= number else "", "", place % 4 > number, (1,)),
                    bullets,
                    Verdict(place % 4 <= number, 0.5, {"coverage": 1.0}, "a reason"),
                    *(220, 5, 180, 600),
                    {"decode": 20.0 + place},
                    timed=True,
                ),
            )
            for place, one in enumerate(asked)
        ]
    rows.start(db, "bench-quickstart", "quickstart", "bench", {})
    for arm, scored in arms.items():
        kept = [
            {
                "question_id": s.question.id,
                "question": s.question.question,
                "golds": s.question.answers,
                "answer": s.trace.answer.text,
                "refused": s.trace.answer.refused,
                "em": s.em,
                "f1": s.f1,
                "trace": s.trace,
            }
            for s in scored
        ]
        answers.record(db, "bench-quickstart", arm, kept)
    rows.finish(db, "bench-quickstart")
    manifest = {"kind": "experiment", "name": "bench", "job": "bench-quickstart", "arms": {}}
    with writing(home / "artifacts" / "experiment" / "bench", manifest) as folder:
        write_report(folder / "report", "bench", summarize(arms), notes=[], facts={}, command="make bench")


def reruns(page: str, count: int) -> list[float]:
    """Seconds of `count` reruns of a page, after a first run that imports and caches."""
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120).run()
    if page != "overview":
        at.switch_page(f"views/{page}.py").run()
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        at.run()
        taken.append(time.perf_counter() - begun)
        if at.exception:
            raise RuntimeError(f"the page {page} raises {at.exception[0].value}")
    return taken


def first() -> tuple[float, bool]:
    """Seconds that a fresh process needs to import everything and run Overview once, and whether torch was
    imported."""
    command = [sys.executable, "-c", FIRST, str(ROOT / "app" / "main.py")]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    seconds, torch = done.stdout.split()[-2:]
    return float(seconds), torch == "True"


def measure(count: int) -> dict[str, Any]:
    """p50 and p95 in milliseconds of each page's rerun in the workspace of BANTAM_HOME."""
    pages = {}
    for page in PAGES:
        taken = sorted(1000 * seconds for seconds in reruns(page, count))
        p95 = taken[min(len(taken) - 1, math.ceil(0.95 * len(taken)) - 1)]
        pages[page] = {"p50_ms": round(statistics.median(taken), 1), "p95_ms": round(p95, 1)}
    seconds, torch = first()
    return {"pages": pages, "first_page_s": round(seconds, 2), "torch_imported": torch}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m app.bench", description="How fast the lab's pages are.")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs in the workspace (default: 1000)")
    parser.add_argument("--numbers", type=int, default=1_000_000, help="metric rows in it (default: 1000000)")
    parser.add_argument("--reruns", type=int, default=40, help="reruns of each page (default: 40)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bantam-pages-") as folder:
        os.environ["BANTAM_HOME"] = folder
        print(f"filling a workspace: {options.jobs} jobs, {options.numbers} numbers", file=sys.stderr)
        fill(Path(folder), options.jobs, options.numbers)
        found = measure(options.reruns)
    if options.json:
        print(
            json.dumps(found | {"jobs": options.jobs, "numbers": options.numbers, "reruns": options.reruns})
        )
        return
    for page, taken in found["pages"].items():
        print(f"{page:11} rerun p50 {taken['p50_ms']:6.1f} ms   p95 {taken['p95_ms']:6.1f} ms")
    torch = "imports torch" if found["torch_imported"] else "imports no torch"
    print(
        f"first page in a fresh process: {found['first_page_s']:.2f} s, {torch} (limit for p95: {LIMIT_MS} "
        "ms)"
    )


if __name__ == "__main__":
    main()
