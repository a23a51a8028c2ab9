"""Clean: a new dataset of the documents of another one, without what its filters leave out, and a report.

The dataset it is made of stays: to undo a filter, clean that one again with the filter off.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.artifact import read_lines, read_manifest, whole, write_json, write_lines
from engine.data import dataset
from engine.data.clean import Cleaned, CleanSpec, clean
from engine.data.records import fingerprint
from jobs.kinds.fields import Dataset
from jobs.references import find
from jobs.running import Job
from jobs.workspace import artifact, checked_name, key, under_home
from storage import artifacts

TITLE = "Clean"
ABOUT = "leave out duplicates, boilerplate and poor text"
MAKES = "dataset"
DEVICE = False
VERSION = 3
REPORT, REMOVED, LOST = "clean.json", "removed.jsonl", "removed-questions.jsonl"


class Spec(CleanSpec):
    """What to clean and how."""

    dataset: Dataset
    name: str = Field("", description="the clean dataset's name; NAME-clean if left out")


def run(job: Job) -> str:
    """Clean into a new dataset that knows which one it was made of; read it back."""
    spec: Spec = job.spec
    source = find(job.db, "dataset", spec.dataset)
    manifest = read_manifest(source)
    name = checked_name(spec.name or f"{manifest.get('name', spec.dataset)}-clean"[:64])
    settings = {field: getattr(spec, field) for field in CleanSpec.model_fields}
    place = artifact(MAKES, key("clean", VERSION, name, source.name, settings))
    if not whole(place):
        made = clean(dataset.load(source), CleanSpec(**settings), job.report)
        facts = {"name": name, "source": manifest.get("source", ""), "cleaned": source.name}
        facts |= {"clean": settings, "job": job.id}
        dataset.save(place, made.corpus, facts, lambda folder: beside(folder, made))
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
    told = read_report(place)
    steps = ", ".join(f"{step['removed']} {step['filter']}" for step in told["steps"] if step["removed"])
    lost = told["questions"]["removed"]
    asked = f"; {lost} questions left out with their documents" if lost else ""
    job.say(f"{told['documents']['kept']} documents kept, {steps or 'none left out'}{asked}")
    return under_home(place)


def read_report(place: Path) -> dict[str, Any]:
    """What a cleaning did: documents, steps, histograms before and after."""
    found: dict[str, Any] = json.loads((place / REPORT).read_text(encoding="utf-8"))
    return found


def read_removed(place: Path) -> Iterator[dict[str, str]]:
    """What a cleaning left out: filter, reason, id and text of each document."""
    return read_lines(place / REMOVED)


def read_lost(place: Path) -> Iterator[dict[str, Any]]:
    """The questions that a cleaning left out, each with the reason."""
    return read_lines(place / LOST) if (place / LOST).is_file() else iter(())


def beside(folder: Path, made: Cleaned) -> None:
    """Write what was done and what was left out beside the clean dataset."""
    write_json(folder / REPORT, made.report())
    rows = (
        {"filter": one.filter, "reason": one.reason, "id": one.document.id, "text": one.document.text}
        for one in made.removed
    )
    write_lines(folder / REMOVED, rows)
    if made.questions.lost:
        lost = ({"reason": reason} | asdict(question) for question, reason in made.questions.lost)
        write_lines(folder / LOST, lost)
