"""Pairs: preference pairs for an experiment's prompts, from people's votes, or on its training questions from
what its cascade escalates, from the small model's own samples, ranked by the verifier, or from a teacher on a
server, who answers them well and not so well (jobs/paired.py).

What a teacher said is kept over runs: a job that was stopped, killed or capped goes on without paying again.
"""

from collections import Counter
from dataclasses import asdict
from typing import Literal

from pydantic import Field, model_validator

from engine.artifact import writing
from engine.data import pairs
from engine.data.dataset import PAIRS, write_records
from engine.data.records import fingerprint
from engine.data.teacher import PAYING, TeacherSpec
from engine.errors import DataError
from jobs import paired, review
from jobs.kinds.fields import Device, Seed, choose, unit
from jobs.running import Job
from jobs.workspace import artifact, key, under_home

TITLE = "Pairs"
ABOUT = "make preference pairs from votes, escalations, samples or a teacher"
MAKES = "pairs"
_SOURCES = {
    "votes": (paired.voted, "the votes"),
    "escalations": (paired.escalated, "the escalations"),
    "samples": (paired.sampled, "the samples"),
    "teacher": (paired.taught, "the teacher's answers"),
}
_HELP = "vote in the playground, calibrate the experiment, lower the margin, or take another source"


class Spec(TeacherSpec):
    """What to make pairs of. The teacher's settings count for the source `teacher` only."""

    experiment: str = Field(
        min_length=1,
        description="the experiment whose prompts and models are used",
        json_schema_extra=choose("experiment"),
    )
    source: Literal["votes", "escalations", "samples", "teacher"] = Field(
        "votes",
        description="votes of people, escalations (a later tier's answer that stood against a doubted one), "
        "samples of the small model, or a teacher's good and mediocre answers",
    )
    base_url: str = Field(
        "http://127.0.0.1:8000/v1",
        description="the teacher's server, with its version, such as http://127.0.0.1:8000/v1",
    )
    model: str = Field("", max_length=300, description="the teacher's model, as its server knows it")
    questions: int = Field(
        100,
        ge=1,
        le=100_000,
        description="training questions to ask the cascade or the teacher, or to draw samples for",
        json_schema_extra=unit("questions"),
    )
    samples: int = Field(4, ge=2, le=16, description="answers drawn for a question")
    temperature: float = Field(0.9, gt=0, le=2, description="how freely they are drawn")
    margin: float = Field(0.1, ge=0, le=1, description="least difference of the two sides' scores")
    ratio: float = Field(2.0, ge=1, le=100, description="most times one side may be longer than the other")
    device: Device = "auto"
    seed: Seed = 0

    @model_validator(mode="after")
    def _named(self) -> "Spec":
        if self.source == "teacher" and not self.model.strip():
            raise ValueError("pairs from a teacher need its model: name it as its server knows it")
        return self


def run(job: Job) -> str:
    """Make the pairs and keep them with the counts of what was dropped."""
    spec: Spec = job.spec
    make, named = _SOURCES[spec.source]
    found, dropped, spent = make(job, spec)
    found, by_hand = review.without_rejected(job.db, found)
    made = pairs.choose(found, spec.margin, spec.ratio)
    dropped[review.BY_HAND] += by_hand
    counts = dict(dropped + Counter(made.counts))
    if not made.pairs:
        why = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "there were none"
        why = (spent and spent.stopped) or why
        what = f"{named} of {spec.experiment!r}"
        raise DataError(f"No pair can be made of {what} ({why}): {_HELP}.")
    facts = {"kind": MAKES, "name": spec.experiment, "spec": spec.model_dump(), "counts": counts}
    if spent is not None:
        facts |= {"spent": asdict(spent), "stopped": spent.stopped}
        if spent.stopped:
            job.tell(f"stopped: {spent.stopped}; raise the cap and run it again, nothing is paid twice")
        job.tell(spent.line())
    unsaid = PAYING if spec.source == "teacher" else set(TeacherSpec.model_fields)
    place = artifact(MAKES, key("pairs", spec.model_dump(exclude=unsaid), fingerprint(made.pairs)))
    with writing(place, facts | {"job": job.id, "pairs": len(made.pairs)}) as folder:
        write_records(folder / PAIRS, made.pairs)
    job.say(f"{len(made.pairs)} pairs kept of {sum(counts.values())}")
    return under_home(place)
