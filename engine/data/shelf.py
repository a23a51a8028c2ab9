"""What has been read so far: each text once, each id once, and whatever was refused with its reason.

Knows documents and questions, but no file format and no field names.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from engine.data.formats import Unusable, check_unicode, normalise, printable
from engine.data.records import Chat, Corpus, Document, Mark, Note, Pair, Question, Rejected

MAX_TITLE = 150
MAX_TOTAL = 300_000_000  # letters of all texts together


class Place(NamedTuple):
    """Where a row stands: a file relative to the folder that is read, and its row from 1 (0: the whole
    file)."""

    file: str
    row: int = 0

    def __str__(self) -> str:
        return f"{self.file}#{self.row}" if self.row else self.file


@dataclass
class Shelf:
    """What has been read so far. A text stands on it once; ids are unique; whatever is refused is kept with
    its reason."""

    documents: dict[str, Document] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    chats: dict[str, Chat] = field(default_factory=dict)
    pairs: dict[str, Pair] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    letters: int = 0
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
        self.rejected.append(Rejected(place.file, place.row, printable(reason)))

    def note(self, file: str, said: str) -> None:
        """Keep what is to be said of how a file was read, if there is anything."""
        if said:
            self.notes.append(Note(file, printable(said)))

    def add_document(
        self,
        text: str,
        title: str,
        place: Place,
        wanted: str = "",
        exact: bool = True,
        marks: tuple[Mark, ...] = (),
    ) -> str:
        """Put a text on the shelf and return its id. `exact`: refuse a taken id or a text that is there
        already.

        Otherwise (a passage that comes with a question) the same text gives the document that has it, and a
        taken id a numbered one.
        """
        text = normalise(text)
        if not text.strip():
            raise Unusable("empty text")
        if kept := self._texts.get(text):
            if exact:
                if wanted:
                    self._same.setdefault(wanted, kept)
                raise Unusable(f"the same text as {kept!r} ({self.documents[kept].source}), which is kept")
            return kept
        if exact and wanted in self.documents:
            raise Unusable(f"duplicate id {wanted!r}, already used by {self.documents[wanted].source}")
        title = title or first_line(text) or stem(place.file)
        identity = wanted if wanted and wanted not in self.documents else self.number(wanted or title, place)
        check_unicode(text, title, identity)
        self._hold(text)
        self.documents[identity] = Document(identity, title, text, str(place), marks)
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
        texts = (identity, question.question, question.document or "", question.evidence, question.kind)
        check_unicode(*texts, *question.answers)
        self.questions[identity] = replace(question, id=identity)
        self._places[identity] = place

    def add_chat(self, chat: Chat, place: Place) -> None:
        """Put a chat on the shelf; one without id gets one from its file and row."""
        identity = self._free(chat.id, self.chats, place)
        check_unicode(identity, *(message.content for message in chat.messages))
        self._hold(*(message.content for message in chat.messages))
        self.chats[identity] = replace(chat, id=identity, source=str(place))

    def add_pair(self, pair: Pair, place: Place) -> None:
        """Put a preference pair on the shelf; one without id gets one from its file and row."""
        identity = self._free(pair.id, self.pairs, place)
        texts = (pair.chosen, pair.rejected, *(message.content for message in pair.prompt))
        check_unicode(identity, *texts)
        self._hold(*texts)
        self.pairs[identity] = replace(pair, id=identity, source=str(place))

    def _free(self, identity: str, taken: Container[str], place: Place) -> str:
        if identity in taken:
            raise Unusable(f"duplicate id {identity!r}")
        base = identity = identity or f"{slug(stem(place.file)) or 'row'}-{place.row}"
        while identity in taken:
            self._numbers[f"?{base}"] += 1
            identity = f"{base}-{self._numbers[f'?{base}']}"
        return identity

    def _hold(self, *texts: str) -> None:
        size = sum(map(len, texts))
        if self.letters + size > MAX_TOTAL:
            raise Unusable(
                f"the corpus is above {MAX_TOTAL // 1_000_000} million letters; import it in parts"
            )
        self.letters += size

    def corpus(self) -> Corpus:
        """Everything on the shelf; a question about a document that was a copy now names the one that is
        kept."""
        questions = (
            replace(q, document=self._same[q.document])
            if q.document in self._same and q.document not in self.documents
            else q
            for q in self.questions.values()
        )
        return Corpus(
            tuple(self.documents.values()),
            tuple(questions),
            tuple(self.rejected),
            tuple(self.chats.values()),
            tuple(self.pairs.values()),
            tuple(self.notes),
        )


def stem(file: str) -> str:
    """A file's name without folders and ending."""
    return re.sub(r"\.[^.]*$", "", file.rsplit("/", 1)[-1])


def slug(name: str) -> str:
    """A name as an id: lower case, letters and digits of any script, the rest as single dashes, 60
    characters."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:60].rstrip("-")


def first_line(text: str) -> str:
    """A short first line with an empty line below it: the text's own title. Empty if there is none."""
    line, gap, _ = text.strip().partition("\n\n")
    return line.strip() if gap and "\n" not in line and len(line) <= MAX_TITLE else ""
