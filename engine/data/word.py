"""DOCX into text with its sections, by python-docx: paragraphs and tables in order, headings as Markdown.

Runs in the box (boxed.py); a DOCX is a zip of XML, and both can be bombs.
"""

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from engine.data.formats import Unusable, normalise
from engine.data.records import Mark

if TYPE_CHECKING:
    from engine.data.boxed import Extract

UNPACKED = 200 << 20
_LEVEL = re.compile(r"(?:heading|überschrift|titre) ?([1-6])$", re.IGNORECASE)


def extract(path: Path) -> "Extract":
    """The text: headings as `# `, list items as `- `, table rows as cells between bars; a mark a section."""
    from docx import Document as open_docx
    from docx.table import Table

    from engine.data.boxed import Extract

    try:
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > UNPACKED:
                raise Unusable(f"it unpacks to more than {UNPACKED >> 20} MB")
            if "[Content_Types].xml" not in packed.namelist():
                raise Unusable("not a DOCX (a zip of something else)")
    except zipfile.BadZipFile:
        raise Unusable("broken or not a DOCX (an old .doc is to be saved as .docx)") from None
    document = open_docx(str(path))
    parts: list[str] = []
    marks: list[Mark] = []
    heads: list[str] = []
    size = 0
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            text = "\n".join(_cells(row) for row in block.rows)
        else:
            words = " ".join(normalise(block.text).split())
            style = str(block.style.name) if block.style is not None and block.style.name else ""
            level = 1 if style == "Title" else int(found[1]) if (found := _LEVEL.match(style)) else 0
            if level and words:
                heads = [*heads[: level - 1], words]
                marks.append(Mark(size, section=" > ".join(heads)))
            text = f"{'#' * level} {words}" if level and words else _item(style, normalise(block.text))
        if text.strip():
            parts.append(text)
            size += len(text) + 2
    title = document.core_properties.title or ""
    return Extract("\n\n".join(parts), " ".join(title.split())[:200], tuple(marks))


def _item(style: str, text: str) -> str:
    return f"- {text.strip()}" if style.startswith("List") and text.strip() else text.rstrip()


def _cells(row: object) -> str:
    """A table's row; a merged cell, which the library gives once a column, once."""
    found: list[str] = []
    last: object = None
    for cell in getattr(row, "cells", ()):
        if cell._tc is not last:
            found.append(" ".join(cell.text.split()))
        last = cell._tc
    return "| " + " | ".join(found) + " |"
