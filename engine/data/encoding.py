"""Which encoding bytes are in: UTF-8, UTF-16 and UTF-32 by their mark, the one that a person named; others
are guessed by chardet, and the guess is said with words that were read by it. Knows no format.
"""

import codecs
import re
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import ConfigError

BLOCK = 1 << 20
SAMPLE = 1 << 17
SHOWN = 24  # letters of an example on each side of the first one beyond ASCII
# Of texts of 12 to 150 letters in 29 languages, guesses of less than WEAK were right 70 times in 100, of 0.1
# to 0.2 96 times, above that 99 times or more; below NOISE Windows' Western encoding is taken where it fits.
NOISE, WEAK = 0.05, 0.1
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

# Control characters that no text has, and what surrogateescape makes of bad bytes.
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_BEYOND = re.compile(r"[^\x00-\x7f]")
_TWO_SCRIPTS = re.compile(r"[A-Za-z][\u0370-\u1cff]|[\u0370-\u1cff][A-Za-z]")
WESTERN = "cp1252"
WIDE = ("utf-16", "utf-32")  # as such without byte order: a mark tells it, or the NUL bytes


class Unreadable(Exception):
    """Why bytes are no text, in plain words."""


class Encoding(NamedTuple):
    """The codec of a file, and what is to be said of it where it was guessed."""

    name: str
    note: str = ""


def known(name: str) -> str:
    """The codec a person means by `name`; empty for none. Raises ConfigError for what is no text encoding."""
    if not name.strip():
        return ""
    try:
        "".encode(name.strip())  # refuses codecs of no text, such as hex
        return codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        raise ConfigError(
            f"There is no encoding {name[:40]!r}: name one such as utf-8, utf-16, cp1250, cp1251, cp1252, "
            "iso8859-2, shift_jis or gb18030, or none to have it found."
        ) from None


def encoding_of(path: Path, named: str = "") -> Encoding:
    """A file's encoding: by its mark, UTF-8 if it is, `named` by a person, else guessed. Raises Unreadable if
    it is no text."""
    with path.open("rb") as file:
        start = file.read(BLOCK)
    for mark, kind in KINDS.items():
        if start.startswith(mark):
            raise Unreadable(f"not text: by its first bytes it is {kind}; give the file its right ending")
    for mark, name in MARKS:
        if start.startswith(mark):
            return _whole(path, name)
    seen = _bytes_of(path)
    seven_bits = named and not named.startswith(WIDE)  # ASCII may be ISO-2022-JP, but no UTF-16
    if not seen.nul and seen.bad <= seen.good and (seen.good or not seven_bits):
        return Encoding("utf-8-sig")
    if named and not (seen.nul and named in WIDE):
        return _whole(path, named)
    if seen.nul:
        return _wide(path, start)
    if seen.control:
        raise Unreadable("not text, or not in UTF-8; save it as UTF-8, or name its encoding")
    return _guessed(path, seen.sample)


def decoded(raw: bytes, declared: str = "", named: str = "") -> tuple[str, str]:
    """The text of bytes held in memory, in the encoding that a person `named` or they declare, and what is to
    be said where it was guessed. Never fails: what can't be decoded becomes the replacement character."""
    for mark, name in MARKS:
        if raw.startswith(mark):
            return raw.decode(name, "replace"), ""
    for name in filter(None, ("utf-8-sig", named, declared)):
        try:
            return raw.decode(name), ""
        except (UnicodeDecodeError, LookupError):
            continue
    if named:
        return raw.decode(named, "replace"), ""
    name, note = _guess(_lines_beyond(raw)[:SAMPLE])
    return raw.decode(name or WESTERN, "replace"), note


class _Bytes(NamedTuple):
    """What a file's bytes are as UTF-8: characters beyond ASCII, broken ones, NUL and other control
    characters among them, and lines that hold bytes beyond ASCII."""

    good: int
    bad: int
    nul: bool
    control: bool
    sample: bytes


def _bytes_of(path: Path) -> _Bytes:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    nul = control = False
    sample = b""
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            text = decoder.decode(block, final=not block)
            if not text.isascii():
                broken = len(_SURROGATE.findall(text))
                bad += broken
                good += len(text) - len(text.encode("ascii", "ignore")) - broken
                if broken and len(sample) < SAMPLE:
                    sample += _lines_beyond(block)
            nul = nul or b"\0" in block
            control = control or bool(_CONTROL.search(block))
            if not block:
                return _Bytes(good, bad, nul, control, sample[:SAMPLE])


def _lines_beyond(block: bytes) -> bytes:
    """The lines that hold a byte beyond ASCII: the others tell nothing."""
    return b"".join(line for line in block.splitlines(keepends=True) if _BEYOND_ASCII.search(line))


def _whole(path: Path, name: str) -> Encoding:
    if not _decodes(path, name):
        raise Unreadable(f"broken {name.upper()} text; save it as UTF-8, or name its encoding")
    return Encoding(name)


def _wide(path: Path, start: bytes) -> Encoding:
    """UTF-16 or UTF-32 without a mark, told by where its NUL bytes are."""
    name = _ask(start[:SAMPLE])[0].lower()
    if not name.startswith(WIDE) or not _decodes(path, name):
        raise Unreadable("not text (it holds NUL bytes)")
    return Encoding(name, _said(name, start[:SAMPLE].decode(name, "ignore"), weak=False))


def _guessed(path: Path, sample: bytes) -> Encoding:
    name, note = _guess(sample)
    if name and _decodes(path, name):
        return Encoding(name, note)
    if _decodes(path, WESTERN):
        return Encoding(WESTERN, _said(WESTERN, sample.decode(WESTERN), weak=True))
    raise Unreadable("not text, or not in UTF-8; save it as UTF-8, or name its encoding")


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


def _guess(sample: bytes) -> tuple[str, str]:
    """The likeliest encoding and what is to be said of it; empty where it can't be told."""
    name, sure = _ask(sample)
    text = _try(sample, name)
    if text is None or sure < NOISE or _TWO_SCRIPTS.search(text):
        western = _try(sample, WESTERN)
        if western is not None:
            name, sure, text = WESTERN, 0.0, western
    if text is None:
        return "", ""
    return name, _said(name, text, weak=sure < WEAK)


def _ask(sample: bytes) -> tuple[str, float]:
    import chardet

    # those of DOS, old Macs and mainframes are rarer than the errors they would be taken for
    era = chardet.EncodingEra.MODERN_WEB | chardet.EncodingEra.LEGACY_ISO
    found: Any = chardet.detect(sample, encoding_era=era)
    return str(found["encoding"] or ""), float(found["confidence"] or 0)


def _try(sample: bytes, name: str) -> str | None:
    """`sample` in an encoding, but for a character that it cuts off; None if it is not in it."""
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(sample)
    except (UnicodeError, LookupError):
        return None


def _said(name: str, text: str, weak: bool) -> str:
    first = _BEYOND.search(text)
    at = first.start() if first else 0
    shown = text[max(0, at - SHOWN) : at + SHOWN]
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in shown).split())
    sure = "a weak guess" if weak else "a guess"
    return f'read as {name}, {sure}: "{words}"; if that looks wrong, name its encoding'
