"""Files and folders into a Corpus: Markdown, text, HTML, PDF, DOCX, CSV, JSONL, JSON (SQuAD, or rows), and
zips of these. What cannot be used is reported, not fatal.

Finds the files; how each is read is files.py's, how a row becomes a question rows.py's.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from engine.data import columns as mappings
from engine.data import files as reading
from engine.data.columns import Preview
from engine.data.encoding import known
from engine.data.files import Files
from engine.data.formats import Unusable, printable
from engine.data.headings import heading
from engine.data.records import Corpus
from engine.data.shelf import Shelf
from engine.data.split import split_questions
from engine.data.walk import walk
from engine.errors import DataError
from engine.progress import Report, silent

__all__ = ["heading", "load", "load_questions", "preview", "samples", "split_questions"]

READ = "files that end in .md, .txt, .html, .pdf, .docx, .jsonl, .csv, .json or .zip"
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {"space": ROOT / "engine/samples/space/documents", "handbook": ROOT / "docs"}


def load(
    path: Path, *, columns: Mapping[str, str] | None = None, encoding: str = "", report: Report = silent
) -> Corpus:
    """Read a file, or a folder with all folders in it, sorted, hidden ones skipped. Raises DataError if
    nothing is usable.

    Text is exactly the file's but for newlines (always \\n) and BOM; of PDF, HTML and DOCX it is their text
    with pages or sections marked. Files in Rejected and sources are relative to `path`. `columns` says which
    column is which field (columns.FIELDS); left out, they go by their names. `encoding` is that of the texts
    that are not UTF-8; left out, it is guessed, and Corpus.notes says so.
    """
    corpus = _read(path, columns, encoding, report)
    if not (corpus.documents or corpus.questions or corpus.chats or corpus.pairs):
        raise DataError(f"Nothing in {path} can be used{_why(corpus)}{_advice(corpus)}")
    return corpus


def load_questions(
    path: Path, *, columns: Mapping[str, str] | None = None, encoding: str = "", report: Report = silent
) -> Corpus:
    """Like `load`, for questions (with the documents that come with them). Raises DataError if there is no
    question."""
    corpus = _read(path, columns, encoding, report)
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
    Files(shelf).read({**{file.name: file for file in files}, questions.name: questions})
    return shelf.corpus()


def preview(path: Path, rows: int = 8, encoding: str = "") -> Preview:
    """The first rows of a file with its columns and a guess which is what; nothing in it if the file has no
    columns (prose, SQuAD). Raises DataError if it can't be read."""
    try:
        if not path.is_file():
            raise DataError(f"{path} is no file: name one file of rows to see its columns.")
        return reading.preview(path, rows, known(encoding))
    except Unusable as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from None


def _advice(corpus: Corpus) -> str:
    """What to give instead; where the format is right the reason says it."""
    known = corpus.rejected and re.search(
        r"\.(jsonl|jsonlines|ndjson|[ct]sv|json|zip)\b", corpus.rejected[0].file
    )
    return "." if known else f"; give it {READ}"


def _why(corpus: Corpus) -> str:
    if not corpus.rejected:
        return "" if corpus.documents or corpus.chats or corpus.pairs else " (there is no file in it)"
    first = corpus.rejected[0]
    place = f"{first.file}, row {first.row}" if first.row else first.file
    if len(corpus.rejected) == 1:
        return f" ({place}: {first.reason})"
    return f" ({len(corpus.rejected)} left out, the first {place}: {first.reason})"


def _read(path: Path, columns: Mapping[str, str] | None, encoding: str, report: Report) -> Corpus:
    mappings.check(columns or {})
    root = Path(path).expanduser()
    shelf = Shelf()
    files = Files(shelf, columns or {}, known(encoding))
    try:
        is_folder, is_file = root.is_dir(), root.is_file()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    if is_folder:
        files.read(walk(shelf, root), report)
    elif is_file:
        files.read({printable(root.name): root}, report)
    else:
        raise DataError(
            f"{path} does not exist or is neither a file nor a folder; give {READ}, or a folder of them"
        )
    return shelf.corpus()
