"""Files and folders into a Corpus: .md .txt .jsonl .csv .json (SQuAD, or rows). What cannot be used is
reported, not fatal.

Knows files and folders; how a row becomes a question is rows.py's, encodings are formats.py's.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.data.formats import (
    Item,
    Unusable,
    as_object,
    parse_json,
    printable,
    read_csv,
    read_jsonl,
    read_text,
)
from engine.data.records import Corpus
from engine.data.rows import add_row, is_field
from engine.data.shelf import Place, Shelf, slug, stem
from engine.data.split import split_questions
from engine.data.squad import add_squad, is_squad
from engine.errors import DataError

__all__ = ["load", "load_questions", "samples", "split_questions"]

PROSE = (".md", ".txt")
ROWS = (".jsonl", ".jsonlines", ".ndjson", ".csv", ".json")
READ = "files that end in .md, .txt, .jsonl, .csv or .json"
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {"space": ROOT / "engine/samples/space/documents", "handbook": ROOT / "docs"}


def load(path: Path) -> Corpus:
    """Read a file, or a folder with all folders in it, sorted, hidden ones skipped. Raises DataError if
    nothing is usable.

    Text is exactly the file's but for newlines (always \\n) and BOM. Files in Rejected and sources are
    relative to `path`.
    """
    corpus = _read(path)
    if not corpus.documents and not corpus.questions:
        raise DataError(f"Nothing in {path} can be used{_why(corpus)}; give it {READ}")
    return corpus


def load_questions(path: Path) -> Corpus:
    """Like `load`, for questions (with the documents that come with them). Raises DataError if there is no
    question."""
    corpus = _read(path)
    if not corpus.questions:
        raise DataError(
            f"There is no usable question in {path}{_why(corpus)}; rows need 'question' and 'answers'"
        )
    return corpus


def samples(name: str) -> Corpus:
    """One of the corpora that come with the lab: "space" or "handbook". Raises DataError for any other
    name."""
    if name not in SAMPLES:
        raise DataError(f"There is no sample corpus {name!r}; choose one of: {', '.join(SAMPLES)}")
    questions = ROOT / "engine" / "samples" / name / "questions.jsonl"
    if not questions.is_file() or not SAMPLES[name].is_dir():
        raise DataError(
            f"The sample corpus {name!r} is not complete; get it again with: git checkout engine docs"
        )
    shelf = Shelf()
    files = sorted(SAMPLES[name].glob("*.md"))
    _read_files(shelf, {**{file.name: file for file in files}, questions.name: questions})
    return shelf.corpus()


def _why(corpus: Corpus) -> str:
    if not corpus.rejected:
        return ""
    first = corpus.rejected[0]
    place = f"{first.file}, row {first.row}" if first.row else first.file
    return f" ({len(corpus.rejected)} left out, the first {place}: {first.reason})"


def _read(path: Path) -> Corpus:
    root = Path(path).expanduser()
    shelf = Shelf()
    try:
        is_folder, is_file = root.is_dir(), root.is_file()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    if is_folder:
        _read_files(shelf, _walk(shelf, root))
    elif is_file:
        _read_files(shelf, {printable(root.name): root})
    else:
        raise DataError(
            f"{path} does not exist or is neither a file nor a folder; give {READ}, or a folder of them"
        )
    return shelf.corpus()


def _walk(shelf: Shelf, root: Path) -> dict[str, Path]:
    """The files below a folder by their relative name. Links are followed to files inside it only."""
    files: dict[str, Path] = {}
    links: dict[str, Path] = {}

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        shelf.reject(Place(printable(name)), f"the folder cannot be read: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in [*names, *folders]:
            path = Path(folder, name)
            relative = printable(path.relative_to(root).as_posix())
            if name.startswith("."):
                continue
            if path.is_symlink():
                links[relative] = path
            elif name in names:
                files[relative] = path
    real, read = Path(os.path.realpath(root)), {os.path.realpath(path) for path in files.values()}
    for relative, path in sorted(links.items()):
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(real):
            shelf.reject(Place(relative), "a link that leads out of the folder")
        elif not target.exists():
            shelf.reject(Place(relative), "a link to nothing")
        elif target.is_file() and str(target) not in read:
            files[relative] = path
            read.add(str(target))
    return dict(sorted(files.items()))


def _read_files(shelf: Shelf, files: dict[str, Path]) -> None:
    stems = Counter(stem(name) for name, path in files.items() if path.suffix.lower() in PROSE)
    for name, path in files.items():
        try:
            if path.suffix.lower() in PROSE:
                identity = stem(name) if stems[stem(name)] == 1 else slug(name.removesuffix(path.suffix))
                _add_prose(shelf, path, name, identity)
            else:
                _add_rows(shelf, path, name)
        except Unusable as error:
            shelf.reject(Place(name), str(error))
        except OSError as error:
            shelf.reject(Place(name), f"cannot be read: {error.strerror}")


def _add_prose(shelf: Shelf, path: Path, name: str, identity: str) -> None:
    if not path.is_file():
        raise Unusable("not a regular file")
    text = read_text(path)
    if identity in shelf.documents:
        identity = shelf.number(identity, Place(name))
    title = (heading(text) or stem(name)) if path.suffix.lower() == ".md" else ""
    shelf.add_document(text, title, Place(name), identity)


def heading(markdown: str) -> str:
    """The first `# ` heading that is not in a code block, or the first of a lower level; empty if there is
    none."""
    lower = fence = ""
    for line in markdown.split("\n"):
        if mark := re.match(r" {0,3}(```|~~~)", line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and re.match(r"#{1,6}[ \t]", line):
            marks, _, title = line.replace("\t", " ").partition(" ")
            before, _, closing = title.strip().rpartition(" ")
            title = before.strip() if closing.strip("#") == "" else title.strip()
            if title and marks == "#":
                return title
            lower = lower or title
    return lower


def _add_rows(shelf: Shelf, path: Path, name: str) -> None:
    suffix = path.suffix.lower()
    if suffix not in ROWS:
        raise Unusable(f"{suffix or 'unnamed kinds of'} files are not read")
    if not path.is_file():
        raise Unusable("not a regular file")
    separator = ""
    if suffix == ".csv":
        items: Iterable[Item] = read_csv(path, is_field)
        separator = "|"
    elif suffix == ".json":
        try:
            value = parse_json(read_text(path))
        except json.JSONDecodeError:  # one object after the other: JSONL by another name
            items = read_jsonl(path)
        else:
            if is_squad(value):
                add_squad(shelf, value["data"], name)
                return
            items = _json_items(value)
    else:
        items = read_jsonl(path)
    found = False
    for number, row in items:
        found = True
        place = Place(name, number)
        with shelf.rejecting(place):
            if isinstance(row, Unusable):
                raise row
            add_row(shelf, row, place, separator)
    if not found:
        raise Unusable("no rows")


def _json_items(value: Any) -> Iterable[Item]:
    rows = value.get("data", value) if isinstance(value, dict) else value
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        try:
            yield number, as_object(row)
        except Unusable as error:
            yield number, error
