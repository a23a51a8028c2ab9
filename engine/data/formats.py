"""Files into text and rows: finds the encoding, reads JSONL and CSV line by line.

Does not know what a document or a question is. A file or row that cannot be used is an Unusable with its
reason.
"""

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

MAX_BYTES = 200_000_000
BLOCK = 1 << 20

# Control characters that no text has, the five bytes cp1252 leaves open, and what surrogateescape makes of
# bad bytes.
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SURROGATE = re.compile("[\ud800-\udfff]")

NOT_UTF8 = "holds bytes or escapes that are not valid Unicode; save it as UTF-8"


class Unusable(Exception):
    """Why one file or row cannot be used, in plain words; ends up as a Rejected."""


Item = tuple[int, dict[str, Any] | Unusable]


def normalise(text: str) -> str:
    """`text` with every newline as \\n, as all documents have it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_unicode(*texts: str) -> None:
    """Raise Unusable if a text holds half a character: it could be neither stored nor fingerprinted."""
    if any(_SURROGATE.search(text) for text in texts):
        raise Unusable(NOT_UTF8)


def printable(text: str) -> str:
    """`text` with a question mark for every half character, so that it can be printed and stored."""
    return text.encode("utf-8", "replace").decode()


def read_text(path: Path) -> str:
    """The whole text of a file, newlines as \\n, without BOM. Raises Unusable if it is not text or empty."""
    with open_text(path) as file:
        text = file.read()
    check_unicode(text)
    if not text.strip():
        raise Unusable("empty")
    return text


def open_text(path: Path, newline: str | None = None) -> TextIO:
    """Open a file as text in the encoding it has. Raises Unusable if it is too large or not text.

    In a file that is UTF-8 but for a few bytes, those come out as lone surrogates, so that only their rows
    are lost.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Unusable(f"{size / 1e6:.0f} MB is above the limit of {MAX_BYTES / 1e6:.0f} MB; split the file")
    return path.open(encoding=_encoding(path), errors="surrogateescape", newline=newline)


def _encoding(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    cp1252 = True
    with path.open("rb") as file:
        block = file.read(BLOCK)
        if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise Unusable("UTF-16 text; save it as UTF-8")
        while True:
            if b"\0" in block:
                raise Unusable("not text (it holds NUL bytes)")
            text = decoder.decode(block, final=not block)
            if not text.isascii():
                broken = len(_SURROGATE.findall(text))
                bad += broken
                good += len(text) - len(text.encode("ascii", "ignore")) - broken
            cp1252 = cp1252 and not _CONTROL.search(block) and not _NOT_CP1252.search(block)
            if not block:
                break
            block = file.read(BLOCK)
    if bad <= good:
        return "utf-8-sig"
    if cp1252:
        return "cp1252"
    raise Unusable("not text, or not in UTF-8; save it as UTF-8")


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises Unusable with line and column, or json's own error if a value is
    followed by more."""
    try:
        return json.loads(text, parse_constant=lambda _: None)  # NaN is how pandas writes an empty cell
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise
        raise Unusable(f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Unusable(f"broken JSON: {error}") from None


def read_jsonl(path: Path) -> Iterator[Item]:
    """Yield (line number, object or Unusable) for every line that is not blank."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip().lstrip("\ufeff")  # a BOM inside comes from files put together with cat
            if line:
                yield number, _parse_line(line)


def _parse_line(line: str) -> dict[str, Any] | Unusable:
    try:
        return as_object(parse_json(line))
    except json.JSONDecodeError as error:
        return Unusable(f"broken JSON at column {error.colno}: more text after the value")
    except Unusable as error:
        return Unusable(str(error).replace("line 1, ", ""))


def as_object(value: Any) -> dict[str, Any]:
    """`value` if it is a JSON object. Raises Unusable otherwise."""
    if not isinstance(value, dict):
        raise Unusable(f"not a JSON object but {kind_of(value)}")
    return value


def kind_of(value: Any) -> str:
    """What a JSON value is, in words a person uses."""
    if value is None:
        return "nothing (null)"
    kinds: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "an object"),
    ]
    return next(word for kind, word in kinds if isinstance(value, kind))


def read_csv(path: Path, is_field: Callable[[str], bool]) -> Iterator[Item]:
    """Yield (line number where the row starts, row or Unusable). The header's most frequent of , ; tab
    separates.

    Raises Unusable if no column of the header `is_field`.
    """
    csv.field_size_limit(MAX_BYTES)  # the default of 128 KiB is less than a long document
    with open_text(path, newline="") as file:
        delimiter = max(",;\t", key=file.readline().count)
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            start = rows.line_num + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield start, Unusable(f"broken CSV: {error}")
                continue
            if not any(cells):
                continue
            if header is None:
                header = cells
                if not any(map(is_field, header)):
                    shown = ", ".join(header[:8])
                    raise Unusable(f"the header has neither a question nor a text column; it has: {shown}")
            elif len(cells) != len(header):
                yield start, Unusable(f"{len(cells)} fields where the header has {len(header)}")
            else:
                yield start, dict(zip(header, cells, strict=True))
