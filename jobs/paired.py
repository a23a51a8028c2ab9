"""What pairs are made of: an experiment's training questions asked of its cascade, of its small model or of a
teacher, and the votes on it. Each gives the pairs with what it dropped, by reason. Nothing that the
experiment is tested or calibrated with is asked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.data import pairs
from engine.data.records import Pair, Question
from engine.data.teacher import Spent
from engine.errors import DataError
from engine.inference.trace import Bullet
from jobs.estimate import teacher_of
from jobs.material import FILE, read_questions
from jobs.running import Job
from jobs.workspace import artifact
from storage import votes

if TYPE_CHECKING:
    from jobs.kinds.pairs import Spec


class Found(NamedTuple):
    """Pairs, not chosen from yet; what was dropped; and what a teacher cost, where one was asked."""

    pairs: Sequence[Pair]
    dropped: Counter[str]
    spent: Spent | None = None


def voted(job: Job, spec: "Spec") -> Found:
    """Of each vote the better answer against the other."""
    from jobs.opened import open_experiment

    rows = votes.read(job.db, spec.experiment)
    if not rows:
        open_experiment(spec.experiment)  # says so where there is none
    return Found(pairs.from_votes(rows), Counter())


def escalated(job: Job, spec: "Spec") -> Found:
    """Of each question that a later tier was asked, the answer that stood against the one that was doubted:
    in what was voted on, and in the cascade on the training questions, whose known answers have to bear it
    out."""
    rows = votes.read(job.db, spec.experiment)
    sides = [side for row in rows for side in (row["left_side"], row["right_side"]) if side.get("trace")]
    made = (
        pairs.from_escalation(side["trace"], side["prompt"], f"escalation-{n}")
        for n, side in enumerate(sides, 1)
    )
    found = [pair for pair in made if pair is not None]
    asked = _cascaded(job, spec)
    return Found([*found, *asked.pairs], asked.dropped)


def _cascaded(job: Job, spec: "Spec") -> Found:
    from engine.inference.orchestrator import answer_many
    from engine.inference.prompt import answer_messages
    from jobs.opened import open_experiment

    opened = open_experiment(spec.experiment, job.device)
    cascade = opened.cascade()
    if cascade is None:
        job.tell(
            f"{spec.experiment!r} has no calibrated cascade, so that only votes are looked at: "
            f"`python -m jobs calibrate --name {spec.experiment}` makes one"
        )
        return Found((), Counter())
    parts, settings = cascade
    asked = _training(opened)[: spec.questions]
    traces = answer_many(parts, [question.question for question in asked], settings, job.report)
    wrong = Counter(said for trace in traces for said in (*trace.notes, trace.error) if said)
    for said, times in wrong.most_common(3):
        job.tell(f"{times} of {len(asked)} questions: {said}")
    found, dropped = [], Counter[str]()
    for question, trace in zip(asked, traces, strict=True):
        prompt = answer_messages(question.question, [bullet.text for bullet in trace.bullets])
        pair = pairs.from_escalation(asdict(trace), prompt, f"escalation-{question.id}")
        if pair is None:
            continue
        if (why := _wrong(pair, trace.bullets, question)) == pairs.KEPT:
            found.append(pair)
        else:
            dropped[why] += 1
    stood = len(found) + dropped.total()
    job.tell(f"of {len(asked)} training questions {stood} were answered by a later tier")
    return Found(found, dropped)


def _wrong(pair: Pair, bullets: Sequence[Bullet], question: Question) -> str:
    """KEPT, or why the question's known answers do not bear the pair out; a tie is left to choose()."""
    from engine.inference.prompt import parse

    if pairs.tied(pair):
        return pairs.KEPT
    better, worse = (parse(text, len(bullets)) for text in (pair.chosen, pair.rejected))
    return pairs.trusted(better, worse, bullets, question.answers)


class _Served(NamedTuple):
    """A training question with its bullets, the prompt as it is served, and what the reader sees in them."""

    question: Question
    bullets: Sequence[Any]
    messages: list[dict[str, str]]
    read: Any


def _served(job: Job, spec: "Spec", opened: Any, stage: str) -> list[_Served]:
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


def sampled(job: Job, spec: "Spec") -> Found:
    """Of each training question's samples, the one the verifier believes most against the one it believes
    least, where the known answer bears it out."""
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
    found, dropped = [], Counter[str]()
    for one in tracked(asked, len(asked), "sample", "questions", job.report):
        ranked = []
        prompt = prompt_ids(loaded.tokenizer, one.messages)
        for said in samples(loaded, prompt, spec.samples, sampling=drawing):
            answer = parse(said.text, len(one.bullets), refusal=said.refusal, logprobs=said.logprobs)
            verdict = verify(answer, one.bullets, one.read, 0.5, question=one.question.question)
            ranked.append((answer.raw.strip(), verdict.score))
        identity = f"sample-{one.question.id}"
        pair = pairs.from_ranked(one.messages, ranked, identity=identity)
        if pair is None:
            continue
        if (why := _wrong(pair, one.bullets, one.question)) == pairs.KEPT:
            found.append(pair)
        else:
            dropped[why] += 1
    return Found(found, dropped)


def taught(job: Job, spec: "Spec") -> Found:
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
    return Found(found, dropped, teacher.spent)


def _training(opened: Any) -> tuple[Question, ...]:
    """The written questions of an experiment; those it is tested with are never used."""
    written = opened.manifest.get("questions")
    if not written:
        raise DataError(f"The experiment {opened.name!r} kept no training questions: run it again.")
    tested = {question.question for question in opened.questions}
    found = read_questions(artifact("questions", written) / FILE)
    return tuple(question for question in found if question.question not in tested)
