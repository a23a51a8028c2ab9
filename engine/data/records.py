"""The nouns of the data layer: Document, Question, Chat, Pair, Rejected, Corpus. Knows no file format and no
model."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Mark(NamedTuple):
    """From character `start` of a document on, its text is on this page (from 1; 0: it has none) and in this
    section ("Guide > Install")."""

    start: int
    page: int = 0
    section: str = ""


def place(marks: Sequence[Mark], offset: int) -> str:
    """Where a character stands by the marks of its text, for a citation: "page 3", "Guide > Install";
    empty if not known."""
    at = bisect_right(marks, offset, key=lambda mark: mark.start)
    if not at:
        return ""
    page, section = marks[at - 1].page, marks[at - 1].section
    return ", ".join(filter(None, (f"page {page}" if page else "", section)))


@dataclass(frozen=True)
class Document:
    """A text with a name. `id` is unique in a corpus; `source` is where it came from
    (a path, or path#row). `marks` say on which page or in which section its characters stand, in order."""

    id: str
    title: str
    text: str
    source: str = ""
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "marks", tuple(Mark(*mark) for mark in self.marks))  # JSON makes them lists

    def place(self, offset: int) -> str:
        """The page or section of one of its characters."""
        return place(self.marks, offset)


@dataclass(frozen=True)
class Question:
    """A question with its accepted short answers; none means that the corpus does not answer it.

    `document` and `evidence` name where the answer stands (evidence is text found in that document), `kind`
    is free ("when", "how many", "unanswerable" ...), `split` is "dev", "test" or "train". `starts` are the
    characters of the document where the answers begin, one for each, where the source says so.
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    document: str | None = None
    evidence: str = ""
    kind: str = ""
    split: str = ""
    starts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("answers", "starts"):  # JSON makes them lists
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds an answer."""
        return bool(self.answers)


class Message(NamedTuple):
    """One turn of a chat: `role` is "system", "user", "assistant" or "tool"."""

    role: str
    content: str


@dataclass(frozen=True)
class Chat:
    """A conversation to learn from; the last turn is the assistant's."""

    id: str
    messages: tuple[Message, ...]
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", tuple(Message(*message) for message in self.messages))


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, the first better. `margin` is by how much (0 to 1; None: not measured),
    `origin` who said so ("file", "teacher", "on-policy", "escalation", "vote")."""

    id: str
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    origin: str = "file"
    margin: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", tuple(Message(*message) for message in self.prompt))


@dataclass(frozen=True)
class Rejected:
    """A file or row that could not be used: `row` counts from 1 (a line for line
    formats), 0 is the whole file."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class Note:
    """What a person should know of how a file was read; nothing of it is lost."""

    file: str
    note: str


@dataclass(frozen=True)
class Corpus:
    """What was read: documents, questions, chats and preference pairs found in the same files, what could not
    be read, and what is to be said of how the rest was."""

    documents: tuple[Document, ...] = ()
    questions: tuple[Question, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    chats: tuple[Chat, ...] = ()
    pairs: tuple[Pair, ...] = ()
    notes: tuple[Note, ...] = ()


WHERE = frozenset({"source", "marks", "starts"})  # where a text stood, not what it is


def fingerprint(records: Iterable[Document | Question | Chat | Pair | dict[str, Any]]) -> str:
    """sha256 (first 16 hex digits) over the records in order; equal records give equal
    fingerprints on any machine. Where they were read from does not count."""
    digest = hashlib.sha256()
    for record in records:
        row = record if isinstance(record, dict) else asdict(record)
        row = {key: value for key, value in row.items() if key not in WHERE}
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]
