"""A dataset as an artefact: what was read, kept in plain JSONL, so that every later step reads the same.

documents.jsonl, questions.jsonl (with their split), rejected.jsonl, chats.jsonl, pairs.jsonl and notes.jsonl
where there are any, manifest.json. Knows no source format.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from engine.artifact import read_lines, read_manifest, write_lines, writing
from engine.data.records import Chat, Corpus, Document, Note, Pair, Question, Rejected, fingerprint
from engine.data.split import check_frozen, frozen
from engine.errors import ArtifactError

Record = TypeVar("Record", Document, Question, Rejected, Chat, Pair, Note)
DOCUMENTS, QUESTIONS, REJECTED = "documents.jsonl", "questions.jsonl", "rejected.jsonl"
CHATS, PAIRS, NOTES = "chats.jsonl", "pairs.jsonl", "notes.jsonl"


def save(
    place: Path, corpus: Corpus, facts: dict[str, Any], also: Callable[[Path], None] | None = None
) -> dict[str, Any]:
    """Write the dataset `place` and return its manifest: `facts` with counts and fingerprints. `also` may
    write more files beside."""
    manifest = {"kind": "dataset", **facts} | {
        "fingerprint": fingerprint(corpus.documents),
        "questions_fingerprint": fingerprint(corpus.questions),
        "frozen": frozen(corpus.questions),
        "documents": len(corpus.documents),
        "questions": len(corpus.questions),
        "rejected": len(corpus.rejected),
        "chats": len(corpus.chats),
        "pairs": len(corpus.pairs),
        "notes": len(corpus.notes),
        "characters": sum(len(document.text) for document in corpus.documents),
    }
    with writing(place, manifest) as folder:
        write_records(folder / DOCUMENTS, corpus.documents)
        write_records(folder / QUESTIONS, corpus.questions)
        write_records(folder / REJECTED, corpus.rejected)
        for name, records in ((CHATS, corpus.chats), (PAIRS, corpus.pairs), (NOTES, corpus.notes)):
            if records:
                write_records(folder / name, records)
        if also:
            also(folder)
    return manifest


def load(place: Path) -> Corpus:
    """The dataset at `place`. Raises ArtifactError when it is not whole or its documents are not those that
    its manifest names, DataError when a split of its questions is not the one that was frozen."""
    manifest = read_manifest(place)
    corpus = Corpus(
        read_records(place / DOCUMENTS, Document),
        read_records(place / QUESTIONS, Question),
        read_records(place / REJECTED, Rejected),
        read_records(place / CHATS, Chat) if (place / CHATS).is_file() else (),
        read_records(place / PAIRS, Pair) if (place / PAIRS).is_file() else (),
        read_records(place / NOTES, Note) if (place / NOTES).is_file() else (),
    )
    if fingerprint(corpus.documents) != manifest.get("fingerprint"):
        raise ArtifactError(
            f"The documents of the dataset {place.name} are not those it was made of: import them again."
        )
    check_frozen(manifest.get("frozen", {}), corpus.questions)
    return corpus


def write_records(file: Path, records: Iterable[Document | Question | Rejected | Chat | Pair | Note]) -> None:
    """One JSON object a line."""
    write_lines(file, map(asdict, records))


def read_records(file: Path, kind: type[Record]) -> tuple[Record, ...]:
    """The records of a file that `write_records` wrote. Raises ArtifactError when it can't be read."""
    found: list[Record] = []
    try:
        for row in read_lines(file):
            values: dict[str, Any] = {
                name: tuple(it) if isinstance(it, list) else it for name, it in row.items()
            }
            found.append(kind(**values))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{file.parent.name}/{file.name} cannot be read ({error}): delete the folder and make it again."
        ) from error
    return tuple(found)
