"""A written question with all that goes with it: why its answer is right, which sentences say so, passages
that are near and do not answer, and where it comes from. One line of JSON each in written.jsonl, whoever
wrote it. Knows no writer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from engine.artifact import read_lines, write_lines
from engine.data.records import Question
from engine.data.sources import Source
from engine.evaluation.metrics import holds_answer
from engine.retrieval.index import Index
from engine.retrieval.search import Hit, search_many

FILE, DROPPED = "written.jsonl", "dropped.jsonl"
KINDS = ("fact", "number", "why", "two", "unanswerable")
MORE_HITS = 10  # searched beyond k, so that enough hard negatives are among them


class Written(NamedTuple):
    """`cited` are the sentences that the rationale cites by number ([1] is the first), `negatives` passages
    that the retriever takes for the source and that do not hold the answer, `provenance` the writer, the
    chunks as [document, start, end] and what it was made of."""

    question: Question
    rationale: str
    cited: tuple[str, ...]
    negatives: tuple[str, ...]
    provenance: dict[str, Any]


class Dropped(NamedTuple):
    """A question that was not kept, the answer that it should have asked for, its sentence, and why."""

    question: str
    answer: str
    sentence: str
    reason: str


class Stands(NamedTuple):
    """A question that stays: its kind, its answer ("" for none), the sources it stands on, the answer's
    last, and the question that it is a rewording of, if it is one."""

    kind: str
    question: str
    answer: str
    sources: tuple[Source, ...]
    of: str = ""


def written(index: Index, kept: Sequence[Stands], writer: str, k: int, negatives: int) -> tuple[Written, ...]:
    """The rows of questions that a small model wrote: the rationale is the sentences themselves."""
    ids = {one.question: f"synthetic-{number:05d}" for number, one in reversed(list(enumerate(kept, 1)))}
    rows = []
    for number, (one, hits) in enumerate(
        zip(kept, search_many(index, [one.question for one in kept], k + MORE_HITS), strict=True), 1
    ):
        last, answers = one.sources[-1], (one.answer,) if one.answer else ()
        cited = tuple(source.sentence for source in one.sources) if answers else ()
        told = " ".join(f"{text.rstrip('.')} [{place}]." for place, text in enumerate(cited, 1))
        chunks = [source.chunk for source in one.sources]
        question = Question(
            f"synthetic-{number:05d}",
            one.question,
            answers,
            last.document if answers else None,
            last.sentence if answers else "",
            one.kind,
            "train",
        )
        comes = {"writer": writer, "rule": last.rule, "chunks": place_of(index, chunks)}
        if one.of:
            comes["reworded"] = ids[one.of]
        hard = hard_negatives(hits, chunks if answers else (), answers, negatives)
        rows.append(
            Written(question, told or "No passage that was found for it says so.", cited, hard, comes)
        )
    return tuple(rows)


def hard_negatives(
    hits: Sequence[Hit], chunks: Sequence[int], answers: Sequence[str], most: int
) -> tuple[str, ...]:
    """The best `most` passages found for a question that are none of its `chunks` and hold none of its
    answers."""
    away = (hit.chunk.text for hit in hits if hit.position not in chunks)
    return tuple(text for text in away if not answers or not holds_answer(text, answers))[:most]


def place_of(index: Index, chunks: Iterable[int]) -> list[list[Any]]:
    """[document, start, end] of each chunk, for provenance."""
    return [[index.chunks[c].document, index.chunks[c].start, index.chunks[c].end] for c in chunks]


def save(file: Path, rows: Iterable[Written]) -> None:
    """One row a line."""
    write_lines(file, (row._asdict() | {"question": asdict(row.question)} for row in rows))


def save_dropped(file: Path, dropped: Iterable[Dropped]) -> None:
    """One dropped question a line, with its reason."""
    write_lines(file, (one._asdict() for one in dropped))


def load(file: Path) -> list[Written]:
    """The rows that `save` wrote."""
    return [
        Written(
            Question(**line["question"]),
            line["rationale"],
            tuple(line["cited"]),
            tuple(line["negatives"]),
            line["provenance"],
        )
        for line in read_lines(file)
    ]
