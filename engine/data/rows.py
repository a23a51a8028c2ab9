"""Rows into documents and questions, whatever their fields are called. Knows no file format but the shape of a row."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from engine.data.formats import Unusable, check_unicode, kind_of, normalise
from engine.data.records import Corpus, Document, Question, Rejected

QUESTION = ("question", "question_text", "input", "query")
ANSWERS = ("answers", "answer", "original_nq_answers", "output", "golds")
TEXT = ("text", "context", "paragraph_text", "passage", "contents", "body", "passages")
TITLE = ("title", "title_text", "name")
ID = ("id", "example_id", "_id")
DOCUMENT = ("document", "doc_id", "document_id")
SPLITS = {"": "", "validation": "dev", "valid": "dev", "val": "dev", "dev": "dev", "test": "test", "train": "train"}

MAX_TITLE = 150
MAX_NESTING = 8


class Place(NamedTuple):
    """Where a row stands: a file relative to the folder that is read, and its row from 1 (0: the whole file)."""

    file: str
    row: int = 0

    def __str__(self) -> str:
        return f"{self.file}#{self.row}" if self.row else self.file


@dataclass
class Shelf:
    """What has been read so far. A text stands on it once; ids are unique; whatever is refused is kept with its reason."""

    documents: dict[str, Document] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    _texts: dict[str, str] = field(default_factory=dict)
    _same: dict[str, str] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def rejecting(self, place: Place) -> Iterator[None]:
        """Turn an Unusable of the block into a Rejected at `place`."""
        try:
            yield
        except Unusable as error:
            self.reject(place, str(error))

    def reject(self, place: Place, reason: str) -> None:
        """Note that something at `place` is left out."""
        self.rejected.append(Rejected(place.file, place.row, reason))

    def add_document(self, text: str, title: str, place: Place, wanted: str = "", exact: bool = True) -> str:
        """Put a text on the shelf and return its id. `exact`: refuse a taken id or a text that is there already.

        Otherwise (a passage that comes with a question) the same text gives the document that has it, and a taken id a
        numbered one.
        """
        text = normalise(text)
        if not text.strip():
            raise Unusable("empty text")
        if kept := self._texts.get(text):
            if exact:
                self._same.setdefault(wanted, kept)
                raise Unusable(f"the same text as {kept!r} ({self.documents[kept].source}), which is kept")
            return kept
        if exact and wanted in self.documents:
            raise Unusable(f"duplicate id {wanted!r}, already used by {self.documents[wanted].source}")
        title = title or first_line(text) or stem(place.file)
        identity = wanted if wanted and wanted not in self.documents else self.number(wanted or title, place)
        check_unicode(text, title, identity)
        self.documents[identity] = Document(identity, title, text, str(place))
        self._texts[text] = identity
        return identity

    def number(self, name: str, place: Place) -> str:
        """A free document id: the slug of `name` (or of the file) and the next number."""
        base = slug(name) or slug(stem(place.file)) or "document"
        while True:
            self._numbers[base] += 1
            identity = f"{base}-{self._numbers[base]}"
            if identity not in self.documents:
                return identity

    def add_question(self, question: Question, place: Place) -> None:
        """Put a question on the shelf; one without id gets one from its file and row."""
        identity = question.id
        if not identity:
            base = identity = f"{slug(stem(place.file)) or 'question'}-{place.row}"
            while identity in self.questions:
                self._numbers[f"?{base}"] += 1
                identity = f"{base}-{self._numbers[f'?{base}']}"
        if identity in self.questions:
            raise Unusable(f"duplicate id {identity!r}, already used by {self._places[identity]}")
        check_unicode(identity, question.question, question.evidence, question.kind, *question.answers)
        self.questions[identity] = replace(question, id=identity)
        self._places[identity] = place

    def corpus(self) -> Corpus:
        """Everything on the shelf; a question about a document that was a copy now names the one that is kept."""
        questions = (
            replace(q, document=self._same[q.document])
            if q.document in self._same and q.document not in self.documents
            else q
            for q in self.questions.values()
        )
        return Corpus(tuple(self.documents.values()), tuple(questions), tuple(self.rejected))


def is_field(name: str) -> bool:
    """Whether a column of this name makes a row a question or a document."""
    return name.strip().casefold() in QUESTION + TEXT


def add_row(shelf: Shelf, row: dict[str, Any], place: Place, separator: str = "") -> None:
    """Add what one row holds: a question, a document, or a question and the passages that come with it.

    `separator` splits several answers in one text (CSV). Raises Unusable; a passage is kept even if its question is not.
    """
    row = {str(name).strip().casefold(): value for name, value in row.items()}
    question = _question(row)
    passages = _passages(row)
    identity = _label(row, ID)
    document = _label(row, DOCUMENT)
    if not question:
        if not passages:
            named = [name for name in QUESTION + TEXT if name in row]
            raise Unusable(f"empty {named[0]}" if named else "neither a question nor a text field")
        wanted = (identity or document) if len(passages) == 1 else ""
        for title, text in passages:
            shelf.add_document(text, title, place, wanted)
        return
    found = [shelf.add_document(text, title, place, document, exact=False) for title, text in passages]
    split = _label(row, ("split",)).casefold()
    if split not in SPLITS:
        raise Unusable(f"split {split!r} is none of dev, test, train")
    shelf.add_question(
        Question(
            id=identity,
            question=question,
            answers=answers_of(row, separator),
            document=found[0] if found else document or None,
            evidence=normalise(_label(row, ("evidence",))),
            kind=_label(row, ("kind",)),
            split=SPLITS[split],
        ),
        place,
    )


def answers_of(row: dict[str, Any], separator: str = "") -> tuple[str, ...]:
    """The accepted answers of a row, in order, each once; none if its answers are empty or it is marked impossible.

    Raises Unusable if it has no answers field: not knowing the answer is not the same as there being none.
    """
    if str(row.get("is_impossible")).casefold() == "true":
        return ()
    values = [row[name] for name in ANSWERS if name in row]
    if not values:
        raise Unusable(
            "a question without an answers field; leave the field empty if the documents do not answer it"
        )
    value = next((value for value in values if value not in (None, "", [], {})), None)
    if separator and isinstance(value, str):
        value = value.split(separator)
    return tuple(dict.fromkeys(text for text in map(str.strip, strings(value)) if text))


def strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every answer in a nest of lists and of objects with "text", "string" or "answer". Raises Unusable on anything else."""
    if value is None:
        return
    if isinstance(value, str):
        yield normalise(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list) and depth < MAX_NESTING:
        for item in value:
            yield from strings(item, depth + 1)
    elif isinstance(value, dict) and depth < MAX_NESTING:
        named = [value[name] for name in ("text", "string", "answer") if name in value]
        if value and not named:
            raise Unusable("answers without a text, string or answer field")
        yield from strings(named, depth + 1)
    else:
        raise Unusable(f"the answers field holds {kind_of(value)} that is not read")


def _question(row: dict[str, Any]) -> str:
    for name in QUESTION:
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            raise Unusable(f"field {name!r} holds {kind_of(value)}, not a text")
        if value and value.strip():
            return normalise(value.strip())
    return ""


def _passages(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(title, text) of each passage of a row: one text, a list of texts, or a list of objects with title and text."""
    for name in TEXT:
        value = row.get(name)
        if not value or (isinstance(value, str) and not value.strip()):
            continue
        found = []
        for item in value if isinstance(value, list) else [value]:
            inner = item if isinstance(item, dict) else {"text": item, "title": row.get("title")}
            text = next((inner[field] for field in TEXT if inner.get(field)), "")
            if not isinstance(text, str):
                raise Unusable(f"field {name!r} holds {kind_of(item)}, not a text")
            if text.strip():
                found.append((_title(inner) or _title(row), text))
        return found
    return []


def _title(row: dict[str, Any]) -> str:
    titles = (row[name] for name in TITLE if isinstance(row.get(name), str))
    return next((" ".join(title.split()) for title in titles if title.strip()), "")


def _label(row: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise Unusable(f"field {name!r} holds {kind_of(value)}, neither a text nor a number")
        if value is not None and str(value).strip():
            return str(value).strip()
    return ""


def stem(file: str) -> str:
    """A file's name without folders and ending."""
    return re.sub(r"\.[^.]*$", "", file.rsplit("/", 1)[-1])


def slug(name: str) -> str:
    """A name as an id: lower case, letters and digits of any script, the rest as single dashes, 60 characters."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:60].rstrip("-")


def first_line(text: str) -> str:
    """A short first line with an empty line below it: the text's own title. Empty if there is none."""
    line, gap, _ = text.strip().partition("\n\n")
    return line.strip() if gap and "\n" not in line and len(line) <= MAX_TITLE else ""
