"""Questions for training, written from the documents alone: choose spans, have a model ask for them, keep
what survives a round trip.

A question is kept when the retriever finds its source chunk, the reader answers the span back from it, and no
evaluation question is nearly the same (round-trip consistency: Alberti and others 2019, "Synthetic QA Corpora
Generation with Roundtrip Consistency"). Each kept question may also be reworded with near words, checked in
the same way. Knows no trainer.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.records import Question
from engine.data.reword import near_words, reword
from engine.data.spans import spans
from engine.data.tally import tell
from engine.evaluation.metrics import f1, holds_answer
from engine.inference.decode import decode
from engine.inference.extract import Reader
from engine.inference.model import Loaded
from engine.inference.prompt import ask_messages, prompt_ids
from engine.progress import Progress, Report, silent
from engine.retrieval.compress import is_heading
from engine.retrieval.index import Index
from engine.retrieval.search import search_many

VERSION = 2  # raise it when other questions come out: those written before are not taken again
KEPT, NOT_A_QUESTION, GIVES_AWAY = "kept", "not a question", "holds its own answer"
NOT_FOUND, NOT_READ, KNOWN, REPEATED = (
    "source not retrieved",
    "not answered back",
    "like an evaluation question",
    "repeated",
)
WRITE_ROWS = 96
WINDOW = 2
SAME_ANSWER, UNSURE, ALIKE = 0.7, 0.3, 0.9


@dataclass(frozen=True)
class Synthesis:
    """What was kept, how many were kept and dropped by reason (rewordings counted apart),
    and the seconds it took."""

    questions: tuple[Question, ...]
    counts: dict[str, int]
    reworded: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class _Source:
    """A span in a sentence in a chunk, and the sentences around it that the reader is given."""

    chunk: int
    document: str
    sentence: str
    answer: str
    kind: str
    context: str


def synthesize(
    index: Index,
    writer: Loaded,
    reader: Reader,
    *,
    target: int = 600,
    avoid: Sequence[Question] = (),
    rewordings: int = 1,
    seconds: float = 300.0,
    k: int = 3,
    per_sentence: int = 3,
    seed: int = 0,
    report: Report = silent,
) -> Synthesis:
    """At least `target` written questions if the documents and `seconds` (of writing) allow, then up
    to `rewordings` of each.

    The same index, writer, reader and seed give the same questions, up to where time ran out.
    """
    begun = time.monotonic()
    rng = random.Random(seed)
    sources = list(_sources(index, per_sentence, rng))
    known = index.embedder.vectors([question.question for question in avoid])
    counts: Counter[str] = Counter()
    kept: list[tuple[_Source, str]] = []
    seen: set[str] = set()
    report(Progress("write questions", 0, target, "questions"))
    for start in range(0, len(sources), WRITE_ROWS):
        if len(kept) >= target or time.monotonic() - begun > seconds:
            break
        batch = sources[start : start + WRITE_ROWS]
        prompts = [
            prompt_ids(writer.tokenizer, ask_messages([source.sentence], source.answer)) for source in batch
        ]
        asked = [decoded.text for decoded in decode(writer, prompts, max_new_tokens=28)]
        for source, question, verdict in _checked(index, reader, batch, asked, known, seen, k):
            counts[verdict] += 1
            if verdict == KEPT:
                kept.append((source, question))
        tell(counts, report)
        report(
            Progress(
                "write questions",
                min(len(kept), target),
                target,
                "questions",
                f"{sum(counts.values())} written",
            )
        )
    again, reworded = _reword(index, reader, kept, known, seen, rewordings, rng, report)
    questions = [
        Question(
            f"synthetic-{number:05d}",
            question,
            (source.answer,),
            source.document,
            source.sentence,
            source.kind,
            "train",
        )
        for number, (source, question) in enumerate(kept + again, 1)
    ]
    return Synthesis(tuple(questions), dict(counts), dict(reworded), time.monotonic() - begun)


def _sources(index: Index, per_sentence: int, rng: random.Random) -> Iterator[_Source]:
    found = []
    for place, chunk in enumerate(index.chunks):
        texts = [sentence.text for sentence in chunk.sentences]
        for row, text in enumerate(texts):
            if is_heading(text):
                continue
            options = spans(text)
            rng.shuffle(options)
            options.sort(key=lambda span: {"why": 0, "phrase": 2}.get(span.kind, 1))
            context = " ".join(
                other for other in texts[max(0, row - WINDOW) : row + WINDOW + 1] if not is_heading(other)
            )
            found += [
                _Source(place, chunk.document, text, span.text, span.kind, context)
                for span in options[:per_sentence]
            ]
    rng.shuffle(found)
    yield from found


def _checked(
    index: Index,
    reader: Reader,
    sources: Sequence[_Source],
    asked: Sequence[str],
    known: Any,
    seen: set[str],
    k: int,
) -> Iterator[tuple[_Source, str, str]]:
    """Each source with its question and why it was dropped, or KEPT."""
    vectors = index.embedder.vectors(list(asked))
    hits = search_many(index, list(asked), k, vectors=vectors)
    read = reader.read(list(asked), [source.context for source in sources])
    for source, question, vector, found, back in zip(sources, asked, vectors, hits, read, strict=True):
        verdict = KEPT
        if not question.endswith("?") or len(question.split()) < 4:
            verdict = NOT_A_QUESTION
        elif holds_answer(question, [source.answer]):
            verdict = GIVES_AWAY
        elif question.lower() in seen:
            verdict = REPEATED
        elif len(known) and float((known @ vector).max()) > ALIKE:
            verdict = KNOWN
        elif all(hit.position != source.chunk for hit in found):
            verdict = NOT_FOUND
        elif f1(back.text, [source.answer]) < SAME_ANSWER or back.none > UNSURE:
            verdict = NOT_READ
        else:
            seen.add(question.lower())
        yield source, question, verdict


def _reword(
    index: Index,
    reader: Reader,
    kept: list[tuple[_Source, str]],
    known: Any,
    seen: set[str],
    times: int,
    rng: random.Random,
    report: Report,
) -> tuple[list[tuple[_Source, str]], Counter[str]]:
    near = near_words(index.embedder) if times and kept else {}
    tries = [(source, reword(question, near, rng)) for source, question in kept for _ in range(times)]
    counts: Counter[str] = Counter()
    found = []
    report(Progress("reword questions", 0, len(tries), "questions"))
    for start in range(0, len(tries), WRITE_ROWS):
        batch = tries[start : start + WRITE_ROWS]
        checked = _checked(
            index, reader, [s for s, _ in batch], [q for _, q in batch], known, seen, len(index.chunks)
        )
        for source, question, verdict in checked:
            counts[verdict] += 1
            if verdict == KEPT:
                found.append((source, question))
        report(Progress("reword questions", min(start + WRITE_ROWS, len(tries)), len(tries), "questions"))
    return found, counts
