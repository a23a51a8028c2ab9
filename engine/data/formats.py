"""Files into text and rows: finds the encoding, reads JSONL and CSV line by line.

Does not know what a document or a question is. A file or row that cannot be used is an Unusable with its
reason.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from engine.data.columns import hint
from engine.data.encoding import Encoding, Unreadable, encoding_of

MAX_BYTES = 200_000_000
MAX_LETTERS = 20_000_000  # of one document, cell or line
MAX_VALUES = 3_000_000  # of one JSON text: each takes about 100 bytes of memory, whatever it says
MAX_COLUMNS = 2_000

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


def find_encoding(path: Path, named: str = "") -> Encoding:
    """The encoding of a text file (encoding.py). Raises Unusable if it is too large or not text."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Unusable(f"{size / 1e6:.0f} MB is above the limit of {MAX_BYTES / 1e6:.0f} MB; split the file")
    try:
        return encoding_of(path, named)
    except Unreadable as error:
        raise Unusable(str(error)) from None


def read_text(path: Path, encoding: str, limit: int = MAX_LETTERS) -> str:
    """The whole text of a file, newlines as \\n, without BOM. Raises Unusable if it is empty."""
    with open_text(path, encoding) as file:
        text = file.read(limit + 1)
    if len(text) > limit:
        raise Unusable(f"longer than {limit // 1_000_000} million letters; split the file")
    check_unicode(text)
    if not text.strip():
        raise Unusable("empty")
    return text


def open_text(path: Path, encoding: str, newline: str | None = None) -> TextIO:
    """Open a file as text in the encoding it has.

    In a file that is UTF-8 but for a few bytes, those come out as lone surrogates, so that only their rows
    are lost.
    """
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    return path.open(encoding=encoding, errors=errors, newline=newline)


def short_lines(file: TextIO) -> Iterator[str]:
    """The lines of a file. Raises Unusable at one of more than MAX_LETTERS, before it is read whole."""
    while line := file.readline(MAX_LETTERS + 1):
        if len(line) > MAX_LETTERS:
            raise Unusable(f"a line is longer than {MAX_LETTERS // 1_000_000} million letters; split it")
        yield line


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises Unusable with line and column, or json's own error if a value is
    followed by more."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise Unusable(f"more than {MAX_VALUES // 1_000_000} million values; split the file")
    try:
        return json.loads(text, parse_constant=lambda _: None)  # NaN is how pandas writes an empty cell
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise
        raise Unusable(f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise Unusable("broken JSON: nested too deeply") from None
    except ValueError as error:
        raise Unusable(f"broken JSON: {error}") from None


def read_jsonl(path: Path, encoding: str) -> Iterator[Item]:
    """Yield (line number, object or Unusable) for every line that is not blank."""
    with open_text(path, encoding) as lines:
        for number, line in enumerate(short_lines(lines), 1):
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


def read_csv(path: Path, encoding: str, fits: Callable[[list[str]], bool]) -> Iterator[Item]:
    """Yield (line number where the row starts, row or Unusable). The header's most frequent of , ; tab
    separates.

    Raises Unusable if the header does not fit, has too many columns, or names one twice.
    """
    csv.field_size_limit(MAX_LETTERS)  # the default of 128 KiB is less than a long document
    with open_text(path, encoding, newline="") as file:
        delimiter = max(",;\t", key=file.readline(MAX_LETTERS).count)
        file.seek(0)
        rows = csv.reader(short_lines(file), delimiter=delimiter, strict=True)
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
                _check_header(header, fits)
            elif len(cells) != len(header):
                yield start, Unusable(f"{len(cells)} fields where the header has {len(header)}")
            else:
                yield start, dict(zip(header, cells, strict=True))


def _check_header(header: list[str], fits: Callable[[list[str]], bool]) -> None:
    if len(header) > MAX_COLUMNS:
        raise Unusable(
            f"{len(header):,} columns are above the limit of {MAX_COLUMNS:,}; keep those with questions or "
            "texts"
        )
    if not fits(header):
        raise Unusable(f"the header has neither a question nor a text column; {hint(header)}")
    names = [name.strip().casefold() for name in header if name.strip()]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Unusable(f"two columns are called {twice[:40]!r}; give each its own name")
