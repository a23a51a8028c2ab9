"""Index: cut a dataset's documents into chunks, embed them, keep them searchable."""

from typing import Any

from pydantic import Field

from engine.artifact import read_manifest, whole
from engine.data import dataset
from engine.data.records import fingerprint
from engine.retrieval import index as indexes
from jobs.kinds.fields import Dataset, Device, Frozen, unit
from jobs.references import PLACES, find
from jobs.running import Job
from jobs.workspace import artifact, key, under_home
from storage import artifacts

TITLE = "Index"
ABOUT = "make a dataset searchable"
MAKES = "index"
USUAL = (256, 0)


class Spec(Frozen):
    """How to index a dataset."""

    dataset: Dataset
    size: int = Field(
        256,
        ge=16,
        le=8192,
        description="longest chunk; the embedder's window is the limit",
        json_schema_extra=unit("tokens"),
    )
    overlap: int = Field(
        0,
        ge=0,
        le=4096,
        description="what neighbouring chunks share",
        json_schema_extra=unit("tokens"),
    )
    device: Device = "auto"


def run(job: Job) -> str:
    """Build the index, or take the one of the same documents; it is loaded before it counts as made."""
    spec: Spec = job.spec
    source = find(job.db, "dataset", spec.dataset)
    documents = dataset.load(source).documents
    more: tuple[Any, ...] = () if (spec.size, spec.overlap) == USUAL else (spec.size, spec.overlap)
    if any(document.marks for document in documents):
        more += PLACES
    place = artifact(MAKES, key("index", indexes.VERSION, fingerprint(documents), *more))
    if not whole(place):
        built = indexes.build(documents, size=spec.size, overlap=spec.overlap, report=job.report)
        built.manifest["dataset"] = source.name  # the first of the datasets that it serves
        indexes.save(built, place)
    indexes.load(place)
    made = read_manifest(place)
    if artifacts.find_index(job.db, id=place.name) is None:
        artifacts.record_index(
            job.db,
            id=place.name,
            dataset_id=source.name,
            fingerprint=made["fingerprint"],
            path=under_home(place),
            manifest=made,
        )
    job.say(f"{made['chunks']} chunks, {made['sentences']} sentences")
    return under_home(place)
