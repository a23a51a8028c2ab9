"""Pairs: preference pairs for an experiment's prompts, from people's votes, from escalations seen while
voting, or from the small model's own samples on its training questions, ranked by the verifier."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from engine.artifact import writing
from engine.data import pairs
from engine.data.dataset import PAIRS, write_records
from engine.data.records import Pair, Question, fingerprint
from engine.errors import DataError
from jobs import review
from jobs.kinds.fields import Device, Frozen, Seed, choose, unit
from jobs.material import FILE, read_questions
from jobs.running import Job
from jobs.workspace import artifact, key, under_home
from storage import votes

TITLE = "Pairs"
ABOUT = "make preference pairs from votes, escalations or the model's own samples"
MAKES = "pairs"


class Spec(Frozen):
    """What to make pairs of."""

    experiment: str = Field(
        min_length=1,
        description="the experiment whose prompts and models are used",
        json_schema_extra=choose("experiment"),
    )
    source: Literal["votes", "escalations", "samples"] = Field(
        "votes",
        description="votes of people, escalations in what they voted on, or samples of the small model",
    )
    questions: int = Field(
        100,
        ge=1,
        le=100_000,
        description="training questions to draw samples for",
        json_schema_extra=unit("questions"),
    )
    samples: int = Field(4, ge=2, le=16, description="answers drawn for a question")
    temperature: float = Field(0.9, gt=0, le=2, description="how freely they are drawn")
    margin: float = Field(0.1, ge=0, le=1, description="least difference of the two sides' scores")
    ratio: float = Field(2.0, ge=1, le=100, description="most times one side may be longer than the other")
    device: Device = "auto"
    seed: Seed = 0


def run(job: Job) -> str:
    """Make the pairs and keep them with the counts of what was dropped."""
    spec: Spec = job.spec
    if spec.source == "samples":
        found: Sequence[Pair] = _sampled(job, spec)
    else:
        rows = votes.read(job.db, spec.experiment)
        found = pairs.from_votes(rows) if spec.source == "votes" else _escalated(rows)
    found, by_hand = review.without_rejected(job.db, found)
    made = pairs.choose(found, spec.margin, spec.ratio)
    if by_hand:
        made.counts[review.BY_HAND] = by_hand
    if not made.pairs:
        dropped = ", ".join(f"{count} {reason}" for reason, count in made.counts.items()) or "there were none"
        raise DataError(
            f"No pair can be made of the {spec.source} of {spec.experiment!r} ({dropped}): vote in the "
            "playground, or lower the margin."
        )
    place = artifact(MAKES, key("pairs", spec.model_dump(), fingerprint(made.pairs)))
    facts = {
        "kind": MAKES,
        "name": spec.experiment,
        "spec": spec.model_dump(),
        "counts": made.counts,
        "job": job.id,
    }
    with writing(place, facts | {"pairs": len(made.pairs)}) as folder:
        write_records(folder / PAIRS, made.pairs)
    job.say(f"{len(made.pairs)} pairs kept of {sum(made.counts.values())}")
    return under_home(place)


def _escalated(rows: list[dict[str, Any]]) -> list[Pair]:
    sides = [side for row in rows for side in (row["left_side"], row["right_side"]) if side.get("trace")]
    return pairs.from_escalations([side["trace"] for side in sides], [side["prompt"] for side in sides])


def _sampled(job: Job, spec: Spec) -> list[Pair]:
    """Of each training question's samples, the one the verifier believes most against the one it believes
    least."""
    from engine.inference.prompt import answer_messages, parse, prompt_ids
    from engine.inference.samples import samples
    from engine.inference.sampling import Sampling
    from engine.inference.verify import verify
    from engine.progress import tracked
    from engine.retrieval.compress import compress
    from engine.retrieval.search import search
    from jobs.opened import open_experiment

    opened = open_experiment(spec.experiment, job.device)
    asked = _training(opened)[: spec.questions]
    loaded = opened.tier("adapter" if opened.adapter else "small").loaded
    answer = opened.spec()
    drawing = Sampling(temperature=spec.temperature, seed=spec.seed)
    found = []
    for question in tracked(asked, len(asked), "sample", "questions", job.report):
        hits = search(opened.index, question.question, answer.k)
        bullets = compress(opened.index, question.question, hits, answer.bullets)
        evidence = [bullet.text for bullet in bullets]
        messages = answer_messages(question.question, evidence)
        read = opened.reader.read([question.question], [" ".join(evidence)])[0]
        ranked = []
        for said in samples(loaded, prompt_ids(loaded.tokenizer, messages), spec.samples, sampling=drawing):
            one = parse(said.text, len(evidence), refusal=said.refusal, logprobs=said.logprobs)
            ranked.append(
                (one.raw.strip(), verify(one, bullets, read, 0.5, question=question.question).score)
            )
        if (pair := pairs.from_ranked(messages, ranked, identity=f"sample-{question.id}")) is not None:
            found.append(pair)
    return found


def _training(opened: Any) -> tuple[Question, ...]:
    """The written questions of an experiment; those it is tested with are never used."""
    written = opened.manifest.get("questions")
    if not written:
        raise DataError(f"The experiment {opened.name!r} kept no training questions: run it again.")
    tested = {question.question for question in opened.questions}
    found = read_questions(artifact("questions", written) / FILE)
    return tuple(question for question in found if question.question not in tested)
