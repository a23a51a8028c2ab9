"""What pages show of documents and questions: sample corpora, imported datasets, and files that were
uploaded. It judges no row: the loader does.

Uploads lie in `BANTAM_HOME`/uploads/<name>/ until an import job reads them; names are checked and paths
stay there.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from engine.artifact import whole
from engine.data.load import SAMPLES, load, samples
from engine.data.records import Document, Question
from engine.errors import ConfigError, StorageError
from jobs.workspace import checked_name, home

SHOWN = 200
PREVIEW_BYTES = 20_000_000  # more is read by the import job only
FILE_BYTES = 200_000_000  # what the loader takes of one file
_FILE = re.compile(r"[\w][\w .,()+&'-]{0,119}")


class Upload(Protocol):
    """A file as the browser sent it."""

    name: str
    size: int

    def getbuffer(self) -> memoryview: ...


@dataclass(frozen=True)
class Seen:
    """What a page shows of a corpus: the first SHOWN of each, and how many there are."""

    documents: Sequence[Document] = ()
    questions: Sequence[Question] = ()
    rejected: Sequence[Any] = field(default=())
    counts: Mapping[str, int] = field(default_factory=dict)


def sample(name: str) -> Seen:
    """A sample corpus."""
    return _seen(samples(name))


def dataset(row: Mapping[str, Any]) -> Seen:
    """What a dataset's row points at: a sample, or a folder of documents.jsonl and questions.jsonl."""
    if row["path"] in SAMPLES:
        return sample(row["path"])
    place = (home() / row["path"]).resolve()
    if not place.is_relative_to(home()) or not place.is_dir():
        return Seen(rejected=row.get("rejected") or ())
    documents = [Document(**one) for one in _lines(place / "documents.jsonl")]
    questions = [
        Question(**{**one, "answers": tuple(one.get("answers") or ())})
        for one in _lines(place / "questions.jsonl")
    ]
    return Seen(documents, questions, row.get("rejected") or (), {})


def save(name: str, files: Sequence[Upload]) -> Path:
    """Write uploaded files into the workspace and return their folder. Raises ConfigError for a name that
    cannot be used, before anything is written."""
    place = home() / "uploads" / checked_name(name)
    if not files:
        raise ConfigError("No file was given: choose at least one.")
    for file in files:
        if not _FILE.fullmatch(file.name) or file.name in (".", ".."):
            raise ConfigError(
                f"The file name {file.name[:80]!r} cannot be used: take letters, digits, spaces and . , - _ "
                "( ) + &, a letter or digit first."
            )
        if file.size > FILE_BYTES:
            raise ConfigError(
                f"{file.name} has {file.size / 1e6:.0f} MB, more than the {FILE_BYTES / 1e6:.0f} MB a file "
                "may have: split it."
            )
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            (place / file.name).write_bytes(file.getbuffer())
    except OSError as error:
        raise StorageError(
            f"The upload cannot be kept in {place} ({error.strerror}): make room or make it writable."
        ) from error
    return place


def uploaded() -> dict[str, Path]:
    """The folders of uploads that are there, by name."""
    return {place.name: place for place in sorted((home() / "uploads").glob("[!.]*")) if place.is_dir()}


def written() -> list[str]:
    """The ids of the questions that jobs have written."""
    return sorted(place.name for place in (home() / "artifacts" / "questions").glob("[!.]*") if whole(place))


def preview(place: Path) -> Seen | None:
    """What the loader makes of uploaded files; None if they are too large to read while a page waits."""
    if sum(file.stat().st_size for file in place.iterdir() if file.is_file()) > PREVIEW_BYTES:
        return None
    return _seen(load(place))


def _seen(corpus: Any) -> Seen:
    counts = {name: len(getattr(corpus, name)) for name in ("documents", "questions", "rejected")}
    return Seen(corpus.documents[:SHOWN], corpus.questions[:SHOWN], corpus.rejected[:SHOWN], counts)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not file.is_file():
        return
    with file.open(encoding="utf-8") as lines:
        for line in islice((line for line in lines if line.strip()), SHOWN):
            yield json.loads(line)
