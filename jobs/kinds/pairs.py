"""Pairs: preference pairs for an experiment's prompts, from people's votes, from escalations seen while
voting, from the small model's own samples on its training questions, ranked by the verifier, or from a
teacher on a server, who answers those questions well and not so well.

What a teacher said is kept over runs: a job that was stopped, killed or capped goes on without paying again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from engine.artifact import writing
from engine.data import pairs
from engine.data.dataset import PAIRS, write_records
from engine.data.records import Pair, Question, fingerprint
from engine.data.teacher import PAYING, Spent, TeacherSpec
from engine.errors import DataError
from jobs import review
from jobs.estimate import teacher_of
from jobs.kinds.fields import Device, Seed, choose, unit
from jobs.material import FILE, read_questions
from jobs.running import Job
from jobs.workspace import artifact, key, under_home
from storage import votes

TITLE = "Pairs"
ABOUT = "make preference pairs from votes, escalations, samples or a teacher"
MAKES = "pairs"
_SOURCES = {
    "votes": "the votes",
    "escalations": "the escalations",
    "samples": "the samples",
    "teacher": "the teacher's answers",
}
_HELP = "vote in the playground, lower the margin, or take another source"


class Spec(TeacherSpec):
    """What to make pairs of. The teacher's settings count for the source `teacher` only."""

    experiment: str = Field(
        min_length=1,
        description="the experiment whose prompts and models are used",
        json_schema_extra=choose("experiment"),
    )
    source: Literal["votes", "escalations", "samples", "teacher"] = Field(
        "votes",
        description="votes of people, escalations in what they voted on, samples of the small model, or a "
        "teacher's good and mediocre answers",
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
        description="training questions to draw samples for, or to ask the teacher",
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
    dropped: Counter[str] = Counter()
    spent: Spent | None = None
    found: Sequence[Pair]
    if spec.source == "teacher":
        found, dropped, spent = _taught(job, spec)
    elif spec.source == "samples":
        found = _sampled(job, spec)
    else:
        rows = votes.read(job.db, spec.experiment)
        found = pairs.from_votes(rows) if spec.source == "votes" else _escalated(rows)
    found, by_hand = review.without_rejected(job.db, found)
    made = pairs.choose(found, spec.margin, spec.ratio)
    dropped[review.BY_HAND] += by_hand
    counts = dict(dropped + Counter(made.counts))
    if not made.pairs:
        why = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "there were none"
        why = (spent and spent.stopped) or why
        what = f"{_SOURCES[spec.source]} of {spec.experiment!r}"
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


def _escalated(rows: list[dict[str, Any]]) -> list[Pair]:
    sides = [side for row in rows for side in (row["left_side"], row["right_side"]) if side.get("trace")]
    return pairs.from_escalations([side["trace"] for side in sides], [side["prompt"] for side in sides])


class _Served(NamedTuple):
    """A training question with its bullets, the prompt as it is served, and what the reader sees in them."""

    question: Question
    bullets: Sequence[Any]
    messages: list[dict[str, str]]
    read: Any


def _served(job: Job, spec: Spec, opened: Any, stage: str) -> list[_Served]:
    from engine.inference.prompt import answer_messages
    from engine.progress import tracked
    from engine.retrieval.compress import compress
    from engine.retrieval.search import search

    asked = _training(opened)[: spec.questions]
    answer = opened.spec()
    made = []
    for question in tracked(asked, len(asked), stage, "questions", job.report):
        hits = search(opened.index, question.question, answer.k)
        bullets = compress(opened.index, question.question, hits, answer.bullets)
        evidence = [bullet.text for bullet in bullets]
        read = opened.reader.read([question.question], [" ".join(evidence)])[0]
        made.append(_Served(question, bullets, answer_messages(question.question, evidence), read))
    return made


def _sampled(job: Job, spec: Spec) -> list[Pair]:
    """Of each training question's samples, the one the verifier believes most against the one it believes
    least."""
    from engine.inference.prompt import parse, prompt_ids
    from engine.inference.samples import samples
    from engine.inference.sampling import Sampling
    from engine.inference.verify import verify
    from engine.progress import tracked
    from jobs.opened import open_experiment

    opened = open_experiment(spec.experiment, job.device)
    asked = _served(job, spec, opened, "find evidence")
    loaded = opened.tier("adapter" if opened.adapter else "small").loaded
    drawing = Sampling(temperature=spec.temperature, seed=spec.seed)
    found = []
    for one in tracked(asked, len(asked), "sample", "questions", job.report):
        ranked = []
        prompt = prompt_ids(loaded.tokenizer, one.messages)
        for said in samples(loaded, prompt, spec.samples, sampling=drawing):
            answer = parse(said.text, len(one.bullets), refusal=said.refusal, logprobs=said.logprobs)
            verdict = verify(answer, one.bullets, one.read, 0.5, question=one.question.question)
            ranked.append((answer.raw.strip(), verdict.score))
        identity = f"sample-{one.question.id}"
        if (pair := pairs.from_ranked(one.messages, ranked, identity=identity)) is not None:
            found.append(pair)
    return found


def _taught(job: Job, spec: Spec) -> tuple[list[Pair], Counter[str], Spent]:
    """Of each training question a teacher's good answer against its mediocre one, where the known answer says
    that they are; the margin is the verifier's."""
    from engine.inference.prompt import parse
    from engine.inference.verify import verify
    from jobs.opened import open_experiment

    teacher = teacher_of(spec)  # before anything is loaded: a missing key is said at once
    asked = _served(job, spec, open_experiment(spec.experiment, job.device), "find evidence")
    requests = [pairs.asking(one.messages) for one in asked]
    job.tell(teacher.estimate(requests).line())
    dropped: Counter[str] = Counter()
    found = []
    for said in sorted(teacher.ask(requests, job.report, "ask the teacher")):
        one = asked[said.place]
        if said.value is None:
            dropped[pairs.NO_JSON] += 1
            continue
        sides = [parse(said.value[side].strip(), len(one.bullets)) for side in ("good", "mediocre")]
        why = pairs.trusted(sides[0], sides[1], one.bullets, one.question.answers)
        if why != pairs.KEPT:
            dropped[why] += 1
            continue
        good, mediocre = (
            verify(side, one.bullets, one.read, 0.5, question=one.question.question).score for side in sides
        )
        identity, margin = f"teacher-{one.question.id}", round(good - mediocre, 4)
        found.append(pairs.from_teacher(one.messages, said.value, identity, margin))
    return found, dropped, teacher.spent


def _training(opened: Any) -> tuple[Question, ...]:
    """The written questions of an experiment; those it is tested with are never used."""
    written = opened.manifest.get("questions")
    if not written:
        raise DataError(f"The experiment {opened.name!r} kept no training questions: run it again.")
    tested = {question.question for question in opened.questions}
    found = read_questions(artifact("questions", written) / FILE)
    return tuple(question for question in found if question.question not in tested)
