"""Zip archives unpacked into a scratch folder, entry by entry: no entry leaves it, lies about its size, or
unpacks into more than the disk or memory can bear. Knows no document.
"""

import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from engine.data.formats import MAX_BYTES, Unusable, printable
from engine.data.shelf import Place, Shelf

ENTRIES = 20_000
UNPACKED = 500_000_000  # bytes of all entries of all archives of one import
RATIO, SMALL = 200, 1_000_000  # an entry above SMALL bytes that shrinks more than RATIO times is a bomb
# what zipfile lets through of broken archives
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError),
    *(ValueError, OverflowError, RuntimeError, OSError),
)
_DRIVE = re.compile(r"^[A-Za-z]:")


class Unpacker:
    """Unpacks archives into one scratch folder and counts what it writes."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.written = 0
        self.number = 0

    def unpack(self, shelf: Shelf, archive: Path, name: str) -> Iterator[tuple[str, Path]]:
        """Yield (name inside the import, path) of each entry that could be unpacked; the others are refused
        on the shelf. Raises Unusable if the whole archive can't be used."""
        try:
            packed = zipfile.ZipFile(archive)
        except BROKEN:
            raise Unusable("broken or cut off zip") from None
        with packed:
            entries = packed.infolist()
            if len(entries) > ENTRIES:
                raise Unusable(f"{len(entries):,} entries are above the limit of {ENTRIES:,}; split the zip")
            for entry in sorted(entries, key=lambda entry: entry.filename):
                inner = printable(entry.filename)
                if entry.is_dir() or _hidden(inner):
                    continue
                with shelf.rejecting(Place(f"{name}/{inner}")):
                    yield f"{name}/{inner}", self._one(packed, entry)

    def _one(self, packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Path:
        inner = entry.filename
        if inner.startswith(("/", "\\")) or _DRIVE.match(inner) or ".." in re.split(r"[/\\]", inner):
            raise Unusable("its path leads out of the zip")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Unusable("a link in a zip is not followed")
        if entry.flag_bits & 1:
            raise Unusable("locked with a password; pack it without one")
        if inner.lower().endswith(".zip"):
            raise Unusable("a zip in a zip is not opened; unpack it first")
        most = min(MAX_BYTES, UNPACKED - self.written)
        bomb = entry.file_size > SMALL and entry.file_size > RATIO * max(1, entry.compress_size)
        if bomb or entry.file_size > most:
            raise Unusable(f"unpacks to {entry.file_size / 1e6:,.0f} MB, which is above the limit")
        self.number += 1
        # a name of our own: the entry's may be too long or odd for this disk
        place = self.scratch / f"{self.number}{Path(inner).suffix[:12].lower()}"
        try:
            with packed.open(entry) as source, place.open("wb") as target:
                while block := source.read(1 << 20):
                    self.written += len(block)
                    if target.tell() + len(block) > most:
                        raise Unusable("unpacks to more than it says")
                    target.write(block)
        except BROKEN as error:
            place.unlink(missing_ok=True)
            raise Unusable(f"cannot be unpacked: {' '.join(str(error).split())[:80] or 'cut off'}") from None
        return place


def _hidden(name: str) -> bool:
    return any(
        part.startswith(".") and not part.startswith("..") for part in name.split("/")
    ) or name.startswith("__MACOSX/")
