"""Which encoding bytes are in: UTF-8 first, UTF-16 and UTF-32 by their mark, Windows' Western one, others
guessed by charset-normalizer where most letters are not Latin. Knows no format.
"""

import codecs
import re
from pathlib import Path

BLOCK = 1 << 20
SAMPLE = 1 << 17
MARKS = (  # UTF-32 first: its mark begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
KINDS = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip (or an Office document)",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"{\\rtf": "RTF",
    b"\x7fELF": "a program",
}

# Control characters that no text has, the five bytes cp1252 leaves open, and what surrogateescape makes of
# bad bytes.
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class Unreadable(Exception):
    """Why bytes are no text, in plain words."""


def encoding_of(path: Path) -> str:
    """The name of a file's encoding. Raises Unreadable if it is no text."""
    with path.open("rb") as file:
        start = file.read(BLOCK)
        file.seek(0)
        for mark, kind in KINDS.items():
            if start.startswith(mark):
                raise Unreadable(f"not text: by its first bytes it is {kind}; give the file its right ending")
        for mark, name in MARKS:
            if start.startswith(mark):
                return _whole(path, name)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        good = bad = 0
        plain = cp1252 = True
        while True:
            block = file.read(BLOCK)
            if b"\0" in block:
                raise Unreadable("not text (it holds NUL bytes)")
            text = decoder.decode(block, final=not block)
            if not text.isascii():
                broken = len(_SURROGATE.findall(text))
                bad += broken
                good += len(text) - len(text.encode("ascii", "ignore")) - broken
            plain = plain and not _CONTROL.search(block)
            cp1252 = cp1252 and plain and not _NOT_CP1252.search(block)
            if not block:
                break
    if bad <= good:
        return "utf-8-sig"
    guess = _guess(start[:SAMPLE]) if plain else ""
    if guess and _decodes(path, guess):
        return guess
    if cp1252:
        return "cp1252"
    raise Unreadable("not text, or not in UTF-8; save it as UTF-8")


def decoded(raw: bytes, named: str = "") -> str:
    """The text of bytes held in memory: in the encoding they name, else UTF-8, else guessed. Never fails:
    what can't be decoded becomes the replacement character."""
    for mark, name in MARKS:
        if raw.startswith(mark):
            return raw.decode(name, "replace")
    for name in filter(None, ("utf-8-sig", named)):
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode(_guess(raw[:SAMPLE]) or "cp1252", "replace")


def _whole(path: Path, name: str) -> str:
    if _decodes(path, name):
        return name
    raise Unreadable(f"broken {name.upper()} text; save it as UTF-8")


def _decodes(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)("strict")
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                if "\0" in decoder.decode(block):
                    return False
            decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _guess(sample: bytes) -> str:
    """An encoding of another script than Latin, if most letters are in one; Latin ones can't be told apart
    well enough in a few letters."""
    from charset_normalizer import from_bytes

    if len(_BEYOND_ASCII.findall(sample)) < 0.3 * len(sample.replace(b" ", b"")):
        return ""
    best = from_bytes(sample).best()
    if best is None:
        return ""
    latin = ("Latin", "Punctuation", "Currency", "Control", "Spacing", "Symbols", "Letterlike")
    other = [name for name in best.alphabets if not any(word in name for word in latin)]
    return str(best.encoding) if other else ""
