"""What pages show of documents, questions, chats and pairs: sample corpora, imported datasets, and files that
were uploaded. It judges no row: the loader does.

Uploads lie in `BANTAM_HOME`/uploads/<name>/ until an import job reads them; names are checked and paths
stay there.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sqlite_utils import Database

from engine.artifact import read_lines, read_manifest, whole
from engine.data.dataset import NOTES
from engine.data.files import ROWS, Files
from engine.data.load import SAMPLES, samples
from engine.data.records import Chat, Corpus, Document, Pair, Question
from engine.data.shelf import Shelf
from engine.data.walk import walk
from engine.errors import ConfigError, StorageError
from jobs.workspace import checked_name, home
from storage import jobs

SHOWN = 200
PREVIEW_BYTES = 20_000_000  # more is read by the import job only
FILE_BYTES = 200_000_000  # what the loader takes of one file
RECORDS: dict[str, Any] = {"documents": Document, "questions": Question, "chats": Chat, "pairs": Pair}
_FILE = re.compile(r"[\w][\w .,()+&'-]{0,119}")


class Upload(Protocol):
    """A file as the browser sent it."""

    name: str
    size: int

    def getbuffer(self) -> memoryview: ...


@dataclass(frozen=True)
class Seen:
    """What a page shows of a corpus: the first SHOWN of each, all that was rejected, and how many there are
    where that is more."""

    documents: Sequence[Document] = ()
    questions: Sequence[Question] = ()
    chats: Sequence[Chat] = ()
    pairs: Sequence[Pair] = ()
    rejected: Sequence[Any] = field(default=())
    notes: Sequence[Any] = field(default=())
    counts: Mapping[str, int] = field(default_factory=dict)


def sample(name: str) -> Seen:
    """A sample corpus."""
    return _seen(samples(name))


def dataset(row: Mapping[str, Any]) -> Seen:
    """What a dataset's row points at: a sample, or a folder of documents.jsonl, questions.jsonl and so on.
    Raises ConfigError when the folder is gone."""
    if row["path"] in SAMPLES:
        return sample(row["path"])
    place = (home() / row["path"]).resolve()
    if not place.is_relative_to(home()) or not whole(place):
        raise ConfigError(
            f"The dataset {row['name']!r} was deleted from the workspace: import it again, or choose another."
        )
    found = {
        name: tuple(kind(**one) for one in _lines(place / f"{name}.jsonl")) for name, kind in RECORDS.items()
    }
    manifest = read_manifest(place)
    counts = {name: int(manifest.get(name) or 0) for name in RECORDS}
    rejected = row.get("rejected") or tuple(_lines(place / "rejected.jsonl", None))
    noted = notes(place)
    counts |= {"rejected": len(rejected), "notes": len(noted)}
    return Seen(**found, rejected=rejected, notes=noted, counts=counts)


def notes(place: Path) -> tuple[dict[str, Any], ...]:
    """What is to be said of how the files of the dataset at `place` were read."""
    return tuple(_lines(place / NOTES, None))


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


def remove(db: Database, place: Path) -> None:
    """Delete an upload. Raises ConfigError while an import that reads it waits or runs."""
    states = (jobs.QUEUED, jobs.RUNNING, jobs.INTERRUPTED)
    for row in (row for state in states for row in jobs.listed(db, kind="import", state=state)):
        if str(place) in (row["spec"].get("documents"), row["spec"].get("questions")):
            raise ConfigError(
                f"The job {row['id']} ({row['state']}) reads the files of {place.name!r}: let it end or "
                "cancel it first."
            )
    try:
        shutil.rmtree(place)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(
            f"The files in {place} cannot be deleted ({error.strerror}): make the folder writable."
        ) from error


def uploaded() -> dict[str, Path]:
    """The folders of uploads that are there, by name."""
    return {place.name: place for place in sorted((home() / "uploads").glob("[!.]*")) if place.is_dir()}


def written() -> list[str]:
    """The ids of the questions that jobs have written."""
    return sorted(place.name for place in (home() / "artifacts" / "questions").glob("[!.]*") if whole(place))


def size_of(place: Path) -> int:
    """The bytes of a file, or of the files in a folder."""
    files = [place] if place.is_file() else [file for file in place.iterdir() if file.is_file()]
    return sum(file.stat().st_size for file in files)


def trial(place: Path, columns: Mapping[str, str] | None = None, encoding: str = "") -> Seen | None:
    """What the loader makes of a file or folder; None if that is too large to read while a page waits. What
    cannot be used at all is an empty Seen with the reasons."""
    if size_of(place) > PREVIEW_BYTES:
        return None
    shelf = Shelf()
    files = {place.name: place} if place.is_file() else walk(shelf, place)
    Files(shelf, columns or {}, encoding).read(files)
    return _seen(shelf.corpus())


def with_rows(place: Path) -> list[Path]:
    """The files of a folder that have rows and columns (CSV, JSONL, JSON)."""
    return sorted(file for file in place.iterdir() if file.suffix.lower() in ROWS and file.is_file())


def _seen(corpus: Corpus) -> Seen:
    found = {name: getattr(corpus, name) for name in RECORDS}
    counts = {name: len(rows) for name, rows in found.items()}
    first = {name: rows[:SHOWN] for name, rows in found.items()}
    counts |= {"rejected": len(corpus.rejected), "notes": len(corpus.notes)}
    return Seen(**first, rejected=corpus.rejected, notes=corpus.notes, counts=counts)


def _lines(file: Path, most: int | None = SHOWN) -> Iterator[dict[str, Any]]:
    return islice(read_lines(file), most) if file.is_file() else iter(())
