"""Which questions are asked on dev and test, and which are trained on: read from artefacts, never mixed.

A dataset with questions of its own is tested with them; for one without, a fifth of the sentences that
questions were written from is held out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from engine.artifact import read_lines, read_manifest, whole, write_lines
from engine.data import contamination, dataset
from engine.data.located import located
from engine.data.records import Question
from engine.data.split import split_questions
from engine.errors import DataError
from engine.retrieval.index import Index
from jobs.workspace import artifact, key

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


class Learned(NamedTuple):
    """What is trained on, and how many questions more were left out: they are like one of dev or test."""

    questions: tuple[Question, ...]
    left_out: int

    def note(self) -> str:
        """What to say of those that were left out, else ""."""
        return (
            f"; {self.left_out} questions left out that are like one of dev or test" if self.left_out else ""
        )


def training(source: Path, written: Path | None, index: Index) -> Learned:
    """What an adapter for the dataset at `source` is trained on: its own questions of the split train, those
    whose evidence is found, and those `written` from it, without those that are like one of dev or test
    (contamination.py). Raises DataError when none are left, or when one of them is asked word for word in the
    test."""
    own = tuple(question for question in dataset.load(source).questions if question.split == "train")
    if not own and written is None:
        name = read_manifest(source).get("name")
        raise DataError(
            f"There is nothing to train on in the dataset {name!r}: have questions written (a job of the "
            "kind synthesize or compose), or divide its own with a share for train (split)."
        )
    sets = asked(source, written)
    found = (*located(own, index), *sets.training)
    contamination.refuse(found, sets.test)
    if not found:
        raise DataError(
            f"None of the {len(own)} train questions can be trained on: none has its answer in one sentence "
            "of the documents. Give them evidence or answer_start, or have questions written."
        )
    like = contamination.leaks(found, (*sets.test, *sets.dev), index.embedder)
    left = contamination.without(found, like)
    if not left:
        raise DataError(
            f"All {len(found)} questions to train on are like one of dev or test: divide them again with "
            "leaks dropped (split), or have others written."
        )
    return Learned(left, len(like))


def check_unseen(adapter: Path, tested: Sequence[Question], source: Path) -> int:
    """Raise DataError when the adapter was trained on one of the questions of the dataset at `source` that it
    is to be tested with: its own dataset may have been another one. What it was made of can't be deleted
    before it is. Returns how many are only like one that it was trained on."""
    manifest = read_manifest(adapter)
    seen: list[Question] = []
    if whole(own := artifact("dataset", str(manifest.get("dataset_id") or "none"))):
        seen += [question for question in dataset.load(own).questions if question.split == "train"]
        if whole(written := artifact("questions", str(manifest.get("questions") or "none"))):
            seen += asked(own, written).training
    contamination.refuse(seen, tested)
    if not seen or manifest.get("dataset_id") == source.name:  # training left out what is like these
        return 0
    from engine.retrieval.embed import embedder

    return len(contamination.leaks(tested, seen, embedder()))  # turned round: one leak a tested question


def save_questions(file: Path, questions: Iterable[Question]) -> None:
    """One question a line."""
    write_lines(file, map(asdict, questions))


def read_questions(file: Path) -> tuple[Question, ...]:
    """The questions that `save_questions` wrote."""
    return tuple(Question(**{**row, "answers": tuple(row["answers"])}) for row in read_lines(file))


def _hold_out(found: tuple[Question, ...], seed: int) -> Asked:
    """Where a person brings no questions: a fifth of the source sentences, with all that is asked about them,
    is kept for dev and test."""
    held = {source for source in map(_source, found) if int(key(source), 16) % 5 == 0}
    kept: dict[str, Question] = {}
    for question in found:
        if _source(question) in held:
            kept.setdefault(_source(question), question)
    chosen = split_questions((replace(question, split="") for question in kept.values()), seed)
    dev = tuple(question for question in chosen if question.split == "dev")
    test = tuple(question for question in chosen if question.split == "test")
    left = tuple(question for question in found if _source(question) not in held)
    if not test or not left:
        raise DataError(
            "The documents are too short to make questions for training and for testing: add documents or "
            "questions."
        )
    return Asked(dev, test, left)


def _source(question: Question) -> str:
    """What a question was written from; one without an answer has no sentence and stands for itself."""
    return question.evidence or question.question
