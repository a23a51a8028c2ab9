"""Questions of stated kinds written by a teacher from the documents: fact, number, why or how, over two
passages, and ones the passage does not answer; each with a rationale that cites its sentences, with hard
negatives that our own retriever takes for its source, and with other wordings. What fails a check is dropped
with its reason.

The checks are those of engine/data/synthesize.py (round trip: Alberti and others 2019), which writes the same
offline with a small model. Knows no file.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from engine.data.contamination import Held
from engine.data.records import Question
from engine.data.repeated import Seen
from engine.data.roundtrip import KNOWN, NOT_FOUND, NOT_READ, REPEATED, UNSURE, answers_back
from engine.data.sift import GIVES_AWAY, KEPT, NOT_A_QUESTION
from engine.data.tally import tell
from engine.data.teacher import Request, Spent, Teacher, chat
from engine.data.written import MORE_HITS, Dropped, Written, hard_negatives, place_of
from engine.evaluation.metrics import holds_answer
from engine.inference.tiers import Reads
from engine.progress import Report, silent
from engine.retrieval.index import Index
from engine.retrieval.search import Hit, search_many

KINDS = {
    "fact": "a fact, answered by a name or a short phrase",
    "number": "a number, a date or a quantity, answered by it",
    "why": "why or how something is, answered by a short phrase",
    "two": "something that can only be answered with a sentence of each of the two passages",
    "unanswerable": "something close to the passage that the passage does NOT answer; the answer is empty",
}
UNCITED, NOT_IN_SOURCE, NO_JSON, ANSWERED = (
    "cites no sentence",
    "answer not in the cited sentences",
    "no usable JSON",
    "unanswerable, but answered by the source",
)
ROUND = 64
ENOUGH = 16  # answers of which one at least must be JSON
SENTENCES = 12
SHOWN = 80  # letters
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": {"type": "string"},
        "answer": {"type": "string"},
        "sentences": {"type": "array", "items": {"type": "integer"}},
        "rationale": {"type": "string"},
    },
    "required": ["question", "answer", "sentences", "rationale"],
}
OTHER_WORDS: dict[str, Any] = {
    "type": "object",
    "properties": {"questions": {"type": "array", "items": {"type": "string"}}},
    "required": ["questions"],
}


@dataclass(frozen=True)
class Composed:
    """What was kept, what was dropped and why, the counts by reason (rewordings counted apart), what it took,
    and the start of an answer that could not be used, if there was one."""

    rows: tuple[Written, ...]
    dropped: tuple[Dropped, ...]
    counts: dict[str, int]
    reworded: dict[str, int]
    spent: Spent
    unusable: str = ""


@dataclass(frozen=True)
class _Task:
    kind: str
    chunks: tuple[int, ...]
    sentences: tuple[str, ...]


def compose(
    index: Index,
    teacher: Teacher,
    *,
    target: int,
    kinds: Sequence[str] = tuple(KINDS),
    avoid: Sequence[Question] = (),
    reader: Reads | None = None,
    k: int = 3,
    negatives: int = 3,
    rewordings: int = 1,
    seed: int = 0,
    report: Report = silent,
) -> Composed:
    """Ask until `target` are kept, the documents are used up, a cap of the teacher is reached or it has said
    nothing that can be used in ENOUGH answers; then for up to `rewordings` of each. The same index, teacher
    and seed ask the same, so that a run that was stopped goes on from the teacher's cache."""
    held = Held(avoid, index.embedder)
    counts: Counter[str] = Counter()
    seen = Seen()
    kept: list[_Kept] = []
    dropped: list[Dropped] = []
    unusable = ""
    tasks = list(_tasks(index, kinds, seed))
    at = 0
    while at < len(tasks) and len(kept) < target and not teacher.spent.stopped:
        batch = tasks[at : at + min(ROUND, target - len(kept))]  # nothing is paid for that is not wanted
        at += len(batch)
        answers = sorted(teacher.ask([_request(task) for task in batch], report, "ask the teacher"))
        good = [(batch[a.place], a.value) for a in answers if a.value is not None]
        counts[NO_JSON] += len(answers) - len(good)
        unusable = unusable or next((answer.text for answer in answers if answer.value is None), "")
        for task, value, verdict, hits in _checked(index, reader, good, held, seen, k):
            counts[verdict] += 1
            if verdict == KEPT:
                row = _row(task, value, hits, index, teacher, negatives, len(kept) + 1)
                kept.append(_Kept(task, value, row))
            else:
                dropped.append(_dropped(task, value, verdict))
        tell(counts, report, teacher.spent)
        if counts[NO_JSON] == counts.total() >= ENOUGH:  # it will not do better: no more is paid for
            break
    again, reworded = _reworded(index, teacher, reader, kept, held, seen, k, rewordings, report)
    counted = {name: count for name, count in counts.items() if count}
    rows = (*(one.row for one in kept), *again)
    said = " ".join(unusable.split())[:SHOWN]
    return Composed(rows, tuple(dropped), counted, dict(reworded), teacher.spent, said)


class _Kept(NamedTuple):
    task: _Task
    value: dict[str, Any]
    row: Written


def requests(index: Index, kinds: Sequence[str] = tuple(KINDS), seed: int = 0) -> list[Request]:
    """All that `compose` could ask, in its order, for an estimate of the cost: it stops at its target."""
    return [_request(task) for task in _tasks(index, kinds, seed)]


def _tasks(index: Index, kinds: Sequence[str], seed: int) -> Iterator[_Task]:
    rng = random.Random(seed)
    places = [place for place, chunk in enumerate(index.chunks) if len(chunk.sentences) > 1]
    rng.shuffle(places)
    for turn in range(len(kinds)):
        for number, place in enumerate(places):
            kind = kinds[(number + turn) % len(kinds)]
            chunks: tuple[int, ...] = (place,)
            if kind == "two":
                same = [
                    o
                    for o in places
                    if o != place and index.chunks[o].document == index.chunks[place].document
                ]
                if not same:
                    continue
                chunks = (place, min(same, key=lambda other: abs(other - place)))
            texts = [
                s.text for one in chunks for s in index.chunks[one].sentences[: SENTENCES // len(chunks)]
            ]
            yield _Task(kind, chunks, tuple(texts))


def _request(task: _Task) -> Request:
    numbered = "\n".join(f"[{number}] {text}" for number, text in enumerate(task.sentences, 1))
    system = (
        f"Write one question about {KINDS[task.kind]}. It must be clear without seeing the passage. Copy the "
        "answer word for word from the passage. Answer with JSON only: "
        '{"question": ..., "answer": ..., "sentences": [numbers of the sentences that say it], '
        '"rationale": one sentence that says why, citing them like [2]}'
    )
    return Request(chat(system, f"Passage:\n{numbered}"), max_tokens=220, schema=SCHEMA)


def _checked(
    index: Index,
    reader: Reads | None,
    found: Sequence[tuple[_Task, dict[str, Any]]],
    held: Held,
    seen: Seen,
    k: int,
    *,
    reworded: bool = False,
) -> Iterator[tuple[_Task, dict[str, Any], str, list[Hit]]]:
    asked = [" ".join(value["question"].split()) for _, value in found]
    vectors = index.embedder.vectors(asked)
    hits = search_many(index, asked, k + MORE_HITS, vectors=vectors)
    for (task, value), question, vector, near in zip(found, asked, vectors, hits, strict=True):
        verdict = _verdict(task, value, question, reader)
        answer = value["answer"]
        if verdict == KEPT and seen.holds(question, answer, vector, near=not reworded):
            verdict = REPEATED
        elif verdict == KEPT and held.leaks(question, vector):
            verdict = KNOWN
        elif verdict == KEPT and not any(hit.position in task.chunks for hit in near[:k]):
            verdict = NOT_FOUND
        if verdict == KEPT:
            seen.add(question, answer, vector)
        yield task, value, verdict, near


def _reworded(
    index: Index,
    teacher: Teacher,
    reader: Reads | None,
    kept: Sequence[_Kept],
    held: Held,
    seen: Seen,
    k: int,
    times: int,
    report: Report,
) -> tuple[list[Written], Counter[str]]:
    """Up to `times` other wordings of each kept question, checked as it was. What asks nothing the passage
    answers has no other wording that could be checked."""
    counts: Counter[str] = Counter()
    made: list[Written] = []
    asked = [one for one in kept if one.row.question.answers] if times and not teacher.spent.stopped else []
    requests = [_other_words(one.row.question, times) for one in asked]
    for start in range(0, len(asked), ROUND):
        if teacher.spent.stopped:
            break
        answers = sorted(teacher.ask(requests[start : start + ROUND], report, "ask for other words"))
        counts[NO_JSON] += sum(answer.value is None for answer in answers)
        good = [
            (asked[start + answer.place], text)
            for answer in answers
            if answer.value is not None
            for text in answer.value["questions"][:times]
        ]
        tries = [(one.task, one.value | {"question": text}) for one, text in good]
        checked = _checked(index, reader, tries, held, seen, k, reworded=True)
        for (one, text), (_, _, verdict, _) in zip(good, checked, strict=True):
            counts[verdict] += 1
            if verdict == KEPT:
                made.append(_again(one.row, " ".join(text.split()), len(made) + 1))
    return made, Counter({name: count for name, count in counts.items() if count})


def _other_words(question: Question, times: int) -> Request:
    system = (
        f"Write {times} other wording{'s' * (times > 1)} of the question. Each asks the same, with the same "
        "answer: keep names and numbers, take other words and another order. Answer with JSON only: "
        '{"questions": [...]}'
    )
    user = f"Question: {question.question}\nAnswer: {question.answers[0]}"
    return Request(chat(system, user), max_tokens=60 * times, schema=OTHER_WORDS)


def _again(row: Written, text: str, number: int) -> Written:
    question = replace(row.question, id=f"reworded-{number:05d}", question=text)
    return row._replace(question=question, provenance=row.provenance | {"reworded": row.question.id})


def _verdict(task: _Task, value: dict[str, Any], question: str, reader: Reads | None) -> str:
    answer = " ".join(value["answer"].split())
    if not question.endswith("?") or len(question.split()) < 4:
        return NOT_A_QUESTION
    context = " ".join(task.sentences)
    back = reader.read([question], [context])[0] if reader else None
    if task.kind == "unanswerable":
        return ANSWERED if answer or (back and back.none < UNSURE) else KEPT
    cited = [task.sentences[number - 1] for number in value["sentences"] if 0 < number <= len(task.sentences)]
    if not cited:
        return UNCITED
    if not answer or not holds_answer(" ".join(cited), [answer]):
        return NOT_IN_SOURCE
    if holds_answer(question, [answer]):
        return GIVES_AWAY
    if back and not answers_back(back, answer):
        return NOT_READ
    return KEPT


def _dropped(task: _Task, value: dict[str, Any], reason: str) -> Dropped:
    cited = [task.sentences[n - 1] for n in value["sentences"] if 0 < n <= len(task.sentences)]
    question, answer = (" ".join(value[name].split()) for name in ("question", "answer"))
    return Dropped(question, answer, " ".join(cited or task.sentences), reason)


def _row(
    task: _Task,
    value: dict[str, Any],
    hits: list[Hit],
    index: Index,
    teacher: Teacher,
    negatives: int,
    number: int,
) -> Written:
    answer = " ".join(value["answer"].split())
    inside = [n for n in value["sentences"] if 0 < n <= len(task.sentences)]
    cited = () if task.kind == "unanswerable" else tuple(task.sentences[n - 1] for n in dict.fromkeys(inside))
    answers = () if task.kind == "unanswerable" else (answer,)
    evidence = next((text for text in cited if holds_answer(text, [answer])), cited[0] if cited else "")
    source = index.chunks[task.chunks[0]]
    question = Question(
        f"teacher-{number:05d}",
        " ".join(value["question"].split()),
        answers,
        source.document if answers else None,
        evidence,
        task.kind,
        "train",
    )
    hard = hard_negatives(hits, task.chunks, answers, negatives)
    provenance = {"writer": teacher.spec.model, "chunks": place_of(index, task.chunks)}
    return Written(question, " ".join(value["rationale"].split()), cited, hard, provenance)
