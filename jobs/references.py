"""From what a spec names to the folder it means: an artefact's id, a job's id, or a dataset's name.

Nothing here leaves the workspace: what is named is looked up, never joined to a path unchecked.
"""

from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.artifact import read_manifest, whole
from engine.errors import ConfigError
from engine.retrieval import index as indexes
from jobs.shelf import things
from jobs.workspace import artifact, checked_name, home, key
from storage import artifacts, jobs

WRITERS = ("synthesize", "compose")  # the kinds that write questions
PLACES = ("places",)  # in the key of an index that keeps pages or sections: one from before it did is another


def find(db: Database, kind: str, named: str) -> Path:
    """The whole artefact of `kind` that `named` means. Raises ConfigError when there is none.

    Looked for in this order: an artefact of that id; what the job of that id made; the latest of that name.
    """
    checked_name(named)
    if whole(place := artifact(kind, named)):
        return place
    job = jobs.get(db, named)
    if job is not None:
        return _made(kind, job)
    row = artifacts.find_dataset(db, name=named) if kind == "dataset" else None
    if row is None and kind == "adapter":
        row = artifacts.find_model(db, name=named, kind=artifacts.ADAPTER)
    if row is not None and whole(place := artifact(kind, row["id"])):
        return place
    raise ConfigError(f"There is no {kind} {named!r} here: make it first, or name one that `list` shows.")


def find_index(db: Database, named: str, dataset: Path) -> Path:
    """The index `named`, or the latest of the dataset at `dataset`. Raises ConfigError when there is none."""
    place = find(db, "index", named) if named else latest_index(db, dataset)
    if place is None:
        raise ConfigError(
            f"The dataset {read_manifest(dataset).get('name')!r} has no index yet: index it first."
        )
    return place


def latest_index(db: Database, dataset: Path) -> Path | None:
    """The latest index of the dataset at `dataset`, the usual one first; None before it is indexed."""
    made_of = ("index", indexes.VERSION, read_manifest(dataset)["fingerprint"])
    for more in (PLACES, ()):
        if whole(usual := artifact("index", key(*made_of, *more))):
            return usual
    row = artifacts.find_index(db, dataset_id=dataset.name)
    if row is not None and whole(place := artifact("index", row["id"])):
        return place
    return None


def find_questions(db: Database, named: str, dataset: Path) -> Path:
    """The written questions `named`, or the latest for the dataset at `dataset`. Raises ConfigError when
    there are none."""
    place = find_written(db, named, dataset)
    if place is None:
        name = read_manifest(dataset).get("name")
        raise ConfigError(
            f"No questions were written for the dataset {name!r} yet: run a job of the kind "
            f"{' or '.join(WRITERS)} first."
        )
    return place


def find_written(db: Database, named: str, dataset: Path) -> Path | None:
    """As `find_questions`, but None where none are named and none were written."""
    return find(db, "questions", named) if named else latest_questions(db, dataset)


def latest_questions(db: Database, dataset: Path) -> Path | None:
    """The latest questions that were written for the dataset at `dataset`; None before any were."""
    wrote = [job for kind in WRITERS for job in jobs.listed(db, kind=kind, state=jobs.DONE, limit=200)]
    for job in sorted(wrote, key=itemgetter("ended_at"), reverse=True):
        place = home() / (job["artifact"] or "-")
        if whole(place) and read_manifest(place).get("dataset") == dataset.name:
            return place
    for thing in reversed(things("questions")):  # of an experiment, whose parts have no rows of their own
        if thing.manifest.get("dataset") == dataset.name:
            return artifact("questions", thing.id)
    return None


def _made(kind: str, job: dict[str, Any]) -> Path:
    if job["state"] != jobs.DONE or not job["artifact"]:
        raise ConfigError(f"The job {job['id']} is {job['state']} and has made no {kind}: wait for it.")
    place = home() / str(job["artifact"])
    if place.parent.name != kind:
        raise ConfigError(f"The job {job['id']} made a {place.parent.name}, and a {kind} is asked for.")
    if not whole(place):
        raise ConfigError(f"What the job {job['id']} made ({job['artifact']}) is gone: resume the job.")
    return place
