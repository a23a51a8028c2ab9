"""Which questions are asked on dev and test, and which are trained on: read from artefacts, never mixed.

A dataset with questions of its own is tested with them; for one without, a fifth of the sentences that
questions were written from is held out.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from engine.artifact import read_manifest
from engine.data import contamination, dataset
from engine.data.records import Question
from engine.data.split import split_questions
from engine.errors import DataError
from jobs.workspace import key

FILE = "questions.jsonl"


class Asked(NamedTuple):
    """Three sets of questions without overlap."""

    dev: tuple[Question, ...]
    test: tuple[Question, ...]
    training: tuple[Question, ...] = ()


def asked(source: Path, written: Path | None = None) -> Asked:
    """The questions of the dataset at `source`, with those `written` from it, if any, to train on.

    Raises DataError when there is nothing to test with.
    """
    own = dataset.load(source).questions
    found = read_questions(written / FILE) if written else ()
    if any(question.split == "test" for question in own):
        # `written` avoided these when it was made
        dev, test = (tuple(q for q in own if q.split == split) for split in ("dev", "test"))
        contamination.refuse(found, test)
        return Asked(dev, test, found)
    if written is None:
        raise DataError(
            f"The dataset {read_manifest(source).get('name')!r} has no test questions: have some written, or "
            "import some."
        )
    return _hold_out(found, int(read_manifest(written).get("seed", 0)))


def save_questions(file: Path, questions: Iterable[Question]) -> None:
    """One question a line."""
    lines = [json.dumps(asdict(question), ensure_ascii=False) for question in questions]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_questions(file: Path) -> tuple[Question, ...]:
    """The questions that `save_questions` wrote."""
    # split("\n"), since splitlines also cuts at the other ends of lines that a question may hold
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    return tuple(Question(**{**row, "answers": tuple(row["answers"])}) for row in rows)


def _hold_out(found: tuple[Question, ...], seed: int) -> Asked:
    """Where a person brings no questions: a fifth of the source sentences, with all that is asked about them,
    is kept for dev and test."""
    held = {
        evidence for evidence in {question.evidence for question in found} if int(key(evidence), 16) % 5 == 0
    }
    kept: dict[str, Question] = {}
    for question in found:
        if question.evidence in held:
            kept.setdefault(question.evidence, question)
    chosen = split_questions((replace(question, split="") for question in kept.values()), seed)
    dev = tuple(question for question in chosen if question.split == "dev")
    test = tuple(question for question in chosen if question.split == "test")
    left = tuple(question for question in found if question.evidence not in held)
    if not test or not left:
        raise DataError(
            "The documents are too short to make questions for training and for testing: add documents or "
            "questions."
        )
    return Asked(dev, test, left)
