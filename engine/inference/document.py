"""Answer from one long document in two ways side by side: read from end to end (longtext.py), and
retrieved from.

Retrieval's answer is taken where it has one, because it is verified; else the reading's. Both stay in the
trace.
"""

import time
from dataclasses import dataclass

from engine.data.records import Document
from engine.errors import DataError
from engine.inference.longtext import Reading, read
from engine.inference.model import Loaded
from engine.inference.orchestrator import AnswerSpec, Parts, Reads, answer, last
from engine.inference.trace import Answer, Bullet, Trace
from engine.progress import Report, silent
from engine.retrieval import index as indexes
from engine.retrieval.embed import embedder

FEWEST_LETTERS = 20


@dataclass(frozen=True)
class LongTrace:
    """Both ways to an answer. `answer` with `bullets` is the one that was taken, `way` names where from
    ("retrieved" or "read"), `agree` says that both found the same words. `ms` is milliseconds by stage."""

    question: str
    answer: Answer
    bullets: tuple[Bullet, ...]
    way: str
    agree: bool
    read: Reading
    retrieved: Trace
    ms: dict[str, float]


def answer_document(
    loaded: Loaded,
    document: Document,
    question: str,
    *,
    reader: Reads | None = None,
    spec: AnswerSpec | None = None,
    report: Report = silent,
) -> LongTrace:
    """Answer `question` from `document`. Raises DataError for a document that is empty or shorter than
    FEWEST_LETTERS, and what longtext.read raises."""
    letters = len(document.text.strip())
    if letters < FEWEST_LETTERS:
        why = f"too short to answer from ({letters} characters)" if letters else "empty"
        raise DataError(f"{document.id} is {why}: give a document with a few sentences.")
    ms: dict[str, float] = {}
    begun = time.perf_counter()
    reading = read(loaded, document, question, embedder=embedder(), report=report)
    ms["read"] = 1000 * (time.perf_counter() - begun)
    begun = time.perf_counter()
    index = indexes.build([document], report=report)
    ms["index"] = 1000 * (time.perf_counter() - begun)
    begun = time.perf_counter()
    found = last(answer(Parts(loaded, index, reader), question, spec or AnswerSpec()))
    ms["retrieved"] = 1000 * (time.perf_counter() - begun)
    way = "read" if found.answer.refused and not reading.answer.refused else "retrieved"
    taken, bullets = (reading.answer, reading.bullets) if way == "read" else (found.answer, found.bullets)
    agree = not taken.refused and found.answer.text.casefold() == reading.answer.text.casefold()
    return LongTrace(question, taken, bullets, way, agree, reading, found, ms)
