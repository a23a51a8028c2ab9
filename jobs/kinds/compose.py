"""Compose: have a teacher on a server write training questions of stated kinds, with rationales and hard
negatives.

Makes the same artefact as synthesize, with written.jsonl beside it. What the teacher said is kept over runs:
a job that was stopped, killed or capped goes on without paying again.
"""

from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from engine.artifact import read_manifest, whole, writing
from engine.data import dataset
from engine.data import written as rows
from engine.data.compose import KINDS, Composed, compose, requests
from engine.data.records import fingerprint
from engine.data.teacher import PAYING, TeacherSpec
from engine.errors import DataError
from engine.retrieval import index as indexes
from jobs.estimate import teacher_of
from jobs.kinds.fields import Dataset, Index, K, Seed, unit
from jobs.kinds.synthesize import kinds_of
from jobs.material import FILE, save_questions
from jobs.references import find, find_index
from jobs.running import Job
from jobs.workspace import artifact, key, under_home

TITLE = "Teacher"
ABOUT = "have a teacher on a server write training questions, as Synthesize does offline with a small model"
MAKES = "questions"
DEVICE = False
VERSION = 3  # raise it when other questions come out: those written before are not taken again


class Spec(TeacherSpec):
    """Who writes, what, and what it may cost."""

    base_url: str = Field(
        "http://127.0.0.1:8000/v1",
        description="the server, with its version, such as http://127.0.0.1:8000/v1",
    )
    dataset: Dataset
    index: Index = ""
    target: int = Field(
        400, ge=1, le=100_000, description="questions to keep", json_schema_extra=unit("questions")
    )
    kinds: str = Field(",".join(KINDS), description=f"kinds of questions, some of {', '.join(KINDS)}")
    negatives: int = Field(3, ge=0, le=5, description="hard negatives of a question")
    rewordings: int = Field(1, ge=0, le=5, description="other wordings of a question; each is asked for too")
    check: bool = Field(True, description="read each answer back with the embedded reader")
    k: K = 3
    seed: Seed = 0


def run(job: Job) -> str:
    """Write, or go on writing; what is kept is an artefact even where a cap ended it."""
    spec: Spec = job.spec
    wanted = kinds_of(spec.kinds)
    source = find(job.db, "dataset", spec.dataset)
    index = indexes.load(find_index(job.db, spec.index, source))
    own = tuple(question for question in dataset.load(source).questions if question.split in ("dev", "test"))
    settings = spec.model_dump(exclude=PAYING | {"dataset", "index"})
    place = artifact(MAKES, key("compose", VERSION, index.fingerprint, settings, fingerprint(own)))
    if not whole(place):
        teacher = teacher_of(spec)
        asked = requests(index, wanted, spec.seed)[: spec.target]
        job.tell(f"if every question can be kept, before rewordings: {teacher.estimate(asked).line()}")
        reader = None
        if spec.check:
            from engine.inference.extract import reader as load_reader

            reader = load_reader()
        made = compose(
            index,
            teacher,
            target=spec.target,
            kinds=wanted,
            avoid=own,
            reader=reader,
            k=spec.k,
            negatives=spec.negatives,
            rewordings=spec.rewordings,
            seed=spec.seed,
            report=job.report,
        )
        _keep(job, place, made, settings | {"dataset": source.name})
        if made.spent.stopped:
            job.tell(f"stopped: {made.spent.stopped}; raise the cap and run it again, nothing is paid twice")
        job.tell(made.spent.line())
    manifest = read_manifest(place)
    counts, reworded = manifest["counts"], manifest["reworded"]
    said = f"{counts.get('kept', 0)} kept of {sum(counts.values())} written"
    job.say(f"{said}, {reworded.get('kept', 0)} rewordings")
    return under_home(place)


def _keep(job: Job, place: Path, made: Composed, settings: dict[str, object]) -> None:
    if not made.rows:
        why = ", ".join(f"{count} {reason}" for reason, count in made.counts.items()) or "nothing was asked"
        help = "take a larger model or other kinds"
        if made.spent.stopped:
            why, help = made.spent.stopped, "raise it and run it again, nothing is paid twice"
        elif made.unusable:
            help = f"it said such things as {made.unusable!r}: take a model that can write JSON"
        raise DataError(f"The teacher wrote no question that could be kept ({why}): {help}.")
    facts = {
        "kind": MAKES,
        "counts": made.counts,
        "reworded": made.reworded,
        "seconds": 0.0,
        "writer": settings["model"],
    }
    facts |= {"spent": asdict(made.spent), "stopped": made.spent.stopped, "job": job.id}
    with writing(place, settings | facts) as folder:
        save_questions(folder / FILE, [row.question for row in made.rows])
        rows.save(folder / rows.FILE, made.rows)
        rows.save_dropped(folder / rows.DROPPED, made.dropped)
