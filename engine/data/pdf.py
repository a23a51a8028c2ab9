"""PDF into text with its pages, by pypdf. Runs in the box (boxed.py): a PDF can make any reader swell or
hang."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.data.formats import Unusable, normalise
from engine.data.records import Mark

if TYPE_CHECKING:
    from engine.data.boxed import Extract

PAGES = 5_000


def extract(path: Path) -> "Extract":
    """The text of every page, pages parted by an empty line, a mark at the start of each that has text."""
    from pypdf import PdfReader
    from pypdf.errors import PdfReadError

    from engine.data.boxed import LETTERS, Extract

    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise Unusable("not a PDF by its first bytes")
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unusable("locked with a password; save it without one")
        try:
            count = len(reader.pages)
        except (PdfReadError, KeyError, AttributeError) as error:
            raise Unusable("broken PDF: its list of pages cannot be read") from error
        if count > PAGES:
            raise Unusable(f"{count} pages are above the limit of {PAGES}; split the file")
        parts: list[str] = []
        marks: list[Mark] = []
        size = 0
        for number, page in enumerate(reader.pages, 1):
            text = _clean(page.extract_text())
            if text:
                marks.append(Mark(size, page=number))
                parts.append(text)
                size += len(text) + 2
            if size > LETTERS:
                raise Unusable(
                    f"its text is longer than {LETTERS // 1_000_000} million letters; split the file"
                )
        title = (reader.metadata.title if reader.metadata else "") or ""
    return Extract("\n\n".join(parts), " ".join(str(title).split())[:200], tuple(marks))


def _clean(text: str) -> str:
    """Newlines as \\n, no NUL and no half characters (fonts without a table make both), no blanks at the ends
    of lines."""
    text = normalise(text).replace("\0", "").encode("utf-8", "ignore").decode()
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()
