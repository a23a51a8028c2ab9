"""One file after the other onto the shelf, each by its ending. Knows formats; how a row becomes a question is
rows.py's."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from engine.data.archive import Unpacker
from engine.data.boxed import KINDS, Box
from engine.data.columns import Preview, guess, renamed
from engine.data.formats import (
    Item,
    Unusable,
    as_object,
    find_encoding,
    parse_json,
    read_csv,
    read_jsonl,
    read_text,
)
from engine.data.headings import heading, sections
from engine.data.rows import add_row, fits
from engine.data.shelf import Place, Shelf, slug, stem
from engine.data.squad import add_squad, is_squad
from engine.progress import Report, silent, tracked

PROSE = (".md", ".markdown", ".txt")
ROWS = (".jsonl", ".jsonlines", ".ndjson", ".csv", ".tsv", ".json")
TEXTS = (*PROSE, *KINDS)
SAVE_AS = {".docx": (".doc", ".rtf", ".odt", ".pages"), ".csv": (".xls", ".xlsx", ".ods", ".numbers")}
MAX_JSON = 60_000_000  # letters of a .json file, which is held whole


@dataclass
class Files:
    """Reads files onto a shelf; `mapping` says which column is what (columns.py), `encoding` what a person
    named for texts that are not UTF-8 (encoding.py; empty: found)."""

    shelf: Shelf
    mapping: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    box: Box = field(default_factory=Box)
    stems: Counter[str] = field(default_factory=Counter)

    def read(self, files: dict[str, Path], report: Report = silent) -> None:
        """Put everything usable in `files` (name to path) on the shelf, zips unpacked."""
        with tempfile.TemporaryDirectory(prefix="bantam-") as scratch, self.box:
            files = self._unpacked(files, Unpacker(Path(scratch)))
            self.stems = Counter(stem(name) for name, path in files.items() if path.suffix.lower() in TEXTS)
            for name, path in tracked(files.items(), len(files), "read", "files", report):
                with self.shelf.rejecting(Place(name)):
                    try:
                        self._add(path, name)
                    except OSError as error:
                        raise Unusable(f"cannot be read: {error.strerror or error}") from None
                    except UnicodeDecodeError:
                        raise Unusable("not text in the encoding it begins with; save it as UTF-8") from None

    def _unpacked(self, files: dict[str, Path], unpacker: Unpacker) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name, path in files.items():
            if path.suffix.lower() != ".zip":
                found[name] = path
                continue
            with self.shelf.rejecting(Place(name)):
                if not path.is_file():
                    raise Unusable("not a regular file")
                found.update(unpacker.unpack(self.shelf, path, name))
        return found

    def _add(self, path: Path, name: str) -> None:
        suffix = path.suffix.lower()
        if suffix not in TEXTS + ROWS:
            instead = next((f"; save it as {to}" for to, some in SAVE_AS.items() if suffix in some), "")
            raise Unusable(f"{suffix[:12] or 'unnamed kinds of'} files are not read{instead}")
        if not path.is_file():
            raise Unusable("not a regular file")
        if suffix in ROWS:
            self._add_rows(path, name)
        elif suffix in PROSE:
            text = read_text(path, self._encoding(path, name))
            title = (heading(text) or stem(name)) if suffix != ".txt" else ""
            marks = sections(text) if suffix != ".txt" else ()
            self.shelf.add_document(text, title, Place(name), self._identity(name), marks=marks)
        else:
            if not path.stat().st_size:
                raise Unusable("empty")
            found = self.box.read(path, KINDS[suffix], self.encoding)
            self.shelf.note(name, found.note)
            title = found.title or heading(found.text)
            self.shelf.add_document(found.text, title, Place(name), self._identity(name), marks=found.marks)

    def _encoding(self, path: Path, name: str) -> str:
        found = find_encoding(path, self.encoding)
        self.shelf.note(name, found.note)
        return found.name

    def _identity(self, name: str) -> str:
        identity = stem(name) if self.stems[stem(name)] == 1 else slug(re.sub(r"\.[^./]*$", "", name))
        return self.shelf.number(identity, Place(name)) if identity in self.shelf.documents else identity

    def _add_rows(self, path: Path, name: str) -> None:
        separator = "|" if path.suffix.lower() in (".csv", ".tsv") else ""
        found = items_of(path, self._encoding(path, name), self._fits)
        if not isinstance(found, Iterable):
            add_squad(self.shelf, found.articles, name)
            return
        some = False
        for number, row in found:
            some = True
            place = Place(name, number)
            with self.shelf.rejecting(place):
                if isinstance(row, Unusable):
                    raise row
                self._add_mapped(row, place, separator)
        if not some:
            raise Unusable("no rows")

    def _add_mapped(self, row: dict[str, Any], place: Place, separator: str) -> None:
        known = renamed(row, self.mapping)
        if known is None:
            mapped = ", ".join(self.mapping.values())
            raise Unusable(f"none of the mapped columns ({mapped}) is in it; it has: {_few(row)}")
        missing = [column for name, column in self.mapping.items() if name not in known]
        try:
            add_row(self.shelf, known, place, separator)
        except Unusable as error:
            if not missing:
                raise
            more = f"it has no column {missing[0][:40]!r}, which was mapped, only: {_few(row)}"
            raise Unusable(f"{error}; {more}") from None

    def _fits(self, header: list[str]) -> bool:
        return bool(set(self.mapping.values()) & set(header)) if self.mapping else fits(header)


def _few(row: Iterable[str]) -> str:
    return ", ".join(name[:40] for name in islice(row, 8))


@dataclass(frozen=True)
class Squad:
    """What a file holds that is laid out as SQuAD."""

    articles: list[Any]


def items_of(path: Path, encoding: str, usable: Any = fits) -> "Iterable[Item] | Squad":
    """The rows of a file of ROWS with their numbers, or its SQuAD articles. Raises Unusable."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return read_csv(path, encoding, usable)
    if suffix != ".json":
        return read_jsonl(path, encoding)
    try:
        value = parse_json(read_text(path, encoding, MAX_JSON))
    except json.JSONDecodeError:  # one object after the other: JSONL by another name
        return read_jsonl(path, encoding)
    return Squad(value["data"]) if is_squad(value) else _json_items(value)


def _json_items(value: Any) -> Iterable[Item]:
    rows = value.get("data", value) if isinstance(value, dict) else value
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        try:
            yield number, as_object(row)
        except Unusable as error:
            yield number, error


def preview(path: Path, rows: int = 8, encoding: str = "") -> Preview:
    """The columns of a file of rows, its first usable rows and a guess which column is what. Raises
    Unusable."""
    if path.suffix.lower() not in ROWS:
        return Preview((), (), {})
    found = items_of(path, find_encoding(path, encoding).name, lambda header: True)
    if isinstance(found, Squad):
        return Preview((), (), {})
    first = tuple(row for _, row in islice(found, 50) if isinstance(row, dict))
    columns = tuple(dict.fromkeys(column for row in first for column in row))
    return Preview(columns, first[:rows], guess(columns, first))
