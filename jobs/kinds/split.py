"""Split: a new dataset with the questions of another one divided anew, frozen by fingerprint, checked for
leaks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from engine.artifact import read_manifest, whole, write_json
from engine.data import contamination, dataset
from engine.data.records import Question, fingerprint
from engine.data.split import SPLITS, divide
from engine.errors import DataError
from jobs.kinds.fields import Dataset, Frozen, Seed
from jobs.references import find
from jobs.running import Job
from jobs.workspace import artifact, checked_name, key, under_home
from storage import artifacts

TITLE = "Split"
ABOUT = "divide a dataset's questions into train, dev and test"
MAKES = "dataset"
VERSION = 2  # raise it when a division comes out otherwise: those made before are not taken again
DEVICE = False
REPORT = "leaks.json"


class Spec(Frozen):
    """How to divide."""

    dataset: Dataset
    name: str = Field("", description="the new dataset's name; NAME-split if left out")
    by: Literal["question", "document"] = Field(
        "document", description="what stays together: a question, or all questions of a document"
    )
    train: float = Field(0.0, ge=0, le=1, description="share to train on")
    dev: float = Field(1 / 3, ge=0, le=1, description="share to choose settings with")
    keep: bool = Field(False, description="leave splits that the questions have already")
    alike: float = Field(0.95, ge=0.5, le=1, description="cosine from which two questions count as the same")
    drop: bool = Field(
        True,
        description="take questions out of train that are like one of dev or test, and out of dev of test",
    )
    seed: Seed = 0


def run(job: Job) -> str:
    """Divide into a new dataset; what is left after train and dev is test."""
    spec: Spec = job.spec
    source = find(job.db, "dataset", spec.dataset)
    manifest = read_manifest(source)
    name = checked_name(spec.name or f"{manifest.get('name', spec.dataset)}-split"[:64])
    place = artifact(
        MAKES, key("split", VERSION, name, source.name, spec.model_dump(exclude={"dataset", "name"}))
    )
    if not whole(place):
        corpus = dataset.load(source)
        if not corpus.questions:
            raise DataError(f"The dataset {spec.dataset!r} has no questions to divide: import or write some.")
        shares = {"train": spec.train, "dev": spec.dev, "test": max(0.0, 1 - spec.train - spec.dev)}
        questions = divide(corpus.questions, shares, spec.by, spec.seed, spec.keep)
        found = _leaks(questions, spec.alike)
        named = {question.id: question for question in questions}
        if spec.drop and found:
            questions = contamination.without(questions, found)
            _check_left(questions, shares, len(found))
        facts = {"name": name, "source": manifest.get("source", ""), "split_of": source.name, "job": job.id}
        facts |= {"leaks": len(found), "spec": spec.model_dump()}
        rows = [
            leak._asdict()
            | {"split": named[leak.trained].split, "question": named[leak.trained].question}
            | {"like": named[leak.tested].question}
            for leak in found
        ]
        made = replace(corpus, questions=questions)
        dataset.save(place, made, facts, lambda folder: write_json(folder / REPORT, rows))
    corpus = dataset.load(place)
    artifacts.record_dataset(
        job.db,
        id=place.name,
        name=name,
        fingerprint=fingerprint(corpus.documents),
        documents=len(corpus.documents),
        questions=len(corpus.questions),
        path=under_home(place),
    )
    count = {part: sum(q.split == part for q in corpus.questions) for part in ("train", "dev", "test")}
    said = ", ".join(f"{number} {part}" for part, number in count.items())
    job.say(f"{said}; {read_manifest(place)['leaks']} leaks found")
    return under_home(place)


def _leaks(questions: Sequence[Question], alike: float) -> list[contamination.Leak]:
    """What of train is like a question of dev or test, and what of dev is like one of test."""
    from engine.retrieval.embed import embedder

    train, dev, test = ([q for q in questions if q.split == name] for name in SPLITS)
    found = contamination.leaks(train, [*test, *dev], embedder(), alike)
    return found + contamination.leaks(dev, test, embedder(), alike)


def _check_left(questions: Sequence[Question], shares: Mapping[str, float], leaks: int) -> None:
    for name, share in shares.items():
        if share > 0 and not any(question.split == name for question in questions):
            raise DataError(
                f"Nothing is left of the split {name!r}: all of its questions are among the {leaks} that are "
                "like one of a later split. Raise `alike`, turn `drop` off, or add questions."
            )


def read_leaks(place: Path) -> list[dict[str, Any]]:
    """Which questions of train and dev were like one of a later split when the dataset at `place` was
    divided; each with its split and the words of both."""
    found: list[dict[str, Any]] = json.loads((place / REPORT).read_text(encoding="utf-8"))
    return found
