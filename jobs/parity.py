"""Whether a Space answers as the lab did: a few questions with the lab's answers, asked again where it runs.

Run by the Space's own `python main.py --check`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.artifact import read_lines, write_lines
from jobs.opened import Opened, model_of

SAMPLES = 6
FILE = "samples.jsonl"


def sample(opened: Opened) -> list[dict[str, Any]]:
    """Some test questions, spread over them, with what the experiment's best arm answers now."""
    from engine.inference.orchestrator import all_answered, answer_many

    every = opened.test or opened.questions
    step = max(1, len(every) // SAMPLES)
    questions = [one.question for one in every[::step][:SAMPLES]]
    traces = all_answered(answer_many(opened.parts(), questions, opened.spec()))
    return [
        {
            "question": trace.question,
            "answer": trace.answer.text,
            "citations": list(trace.answer.citations),
            "bullets": [[bullet.document, bullet.start, bullet.end] for bullet in trace.bullets],
            "score": trace.verdict.score if trace.verdict else None,
        }
        for trace in traces
    ]


def check(opened: Opened, samples: Sequence[dict[str, Any]]) -> list[str]:
    """What differs from the lab's answers, in words; nothing if the same is said from the same evidence.
    Raises ModelError when the adapter does not fit what it is served with."""
    words = opened.warnings(model_of(opened.arm))
    for was, now in zip(samples, sample(opened), strict=False):
        for key in ("question", "answer", "citations", "bullets"):
            if was[key] != now[key]:
                words.append(f"{was['question']!r}: {key} {now[key]!r} in place of {was[key]!r}")
    return words


def read(file: Path) -> list[dict[str, Any]]:
    """The samples that were kept."""
    return list(read_lines(file))


def write(file: Path, samples: Sequence[dict[str, Any]]) -> None:
    """Keep samples, one a line."""
    write_lines(file, samples)
