"""The nouns of the data layer: Document, Question, Rejected, Corpus. Knows no file format and no model."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Document:
    """A text with a name. `id` is unique in a corpus; `source` is where it came from
    (a path, or path#row)."""

    id: str
    title: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class Question:
    """A question with its accepted short answers; none means that the corpus does not answer it.

    `document` and `evidence` name where the answer stands (evidence is text found in that document), `kind`
    is free ("when", "how many", "unanswerable" ...), `split` is "dev", "test" or "train".
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    document: str | None = None
    evidence: str = ""
    kind: str = ""
    split: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds an answer."""
        return bool(self.answers)


@dataclass(frozen=True)
class Rejected:
    """A file or row that could not be used: `row` counts from 1 (a line for line
    formats), 0 is the whole file."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class Corpus:
    """What was read: documents, questions found in the same files, and what could not be read."""

    documents: tuple[Document, ...] = ()
    questions: tuple[Question, ...] = ()
    rejected: tuple[Rejected, ...] = field(default=())


def fingerprint(records: Iterable[Document | Question | dict[str, Any]]) -> str:
    """sha256 (first 16 hex digits) over the records in order; equal records give equal
    fingerprints on any machine."""
    digest = hashlib.sha256()
    for record in records:
        row = record if isinstance(record, dict) else asdict(record)
        row = {key: value for key, value in row.items() if key != "source"}
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]
