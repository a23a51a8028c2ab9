"""Folders of results that are whole or not there: written beside their place,
`manifest.json` last, then renamed.

Knows nothing of what is inside. A manifest is a flat JSON object; `load` refuses a folder without one.
"""

import glob
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.errors import ArtifactError

MANIFEST = "manifest.json"
LEFTOVER_SECONDS = 24 * 3600


@contextmanager
def writing(place: Path, manifest: dict[str, Any]) -> Iterator[Path]:
    """A temporary folder beside `place` to write into; on leaving without an error it gets the
    manifest and becomes `place`.

    `manifest` may be filled until then. A folder already at `place` is replaced. After an error nothing is
    left behind; what a killed process leaves is never at `place`, and is swept away by a later writing of it.
    """
    work = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
        yield work
        write_json(work / MANIFEST, manifest)
        work.chmod(0o755)
        _restore(place)
        shutil.rmtree(_aside(place), ignore_errors=True)
        if place.exists():
            place.rename(_aside(place))
        work.rename(place)
        shutil.rmtree(_aside(place), ignore_errors=True)
    except OSError as error:
        raise ArtifactError(
            f"{place.name} cannot be written under {place.parent} ({error.strerror or error}): make the "
            "folder writable, or set BANTAM_HOME to one that is."
        ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def read_manifest(place: Path) -> dict[str, Any]:
    """The manifest of the artefact at `place`. Raises ArtifactError when it is missing or not readable."""
    _restore(place)
    try:
        found = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{place.name} has no readable {MANIFEST}: it is not whole. Delete it and make it again."
        ) from error
    if not isinstance(found, dict):
        raise ArtifactError(f"{place.name}/{MANIFEST} is not an object: delete the folder and make it again.")
    return found


def whole(place: Path) -> bool:
    """Whether an artefact with a manifest stands at `place`."""
    _restore(place)
    return (place / MANIFEST).is_file()


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}-old")


def _restore(place: Path) -> None:
    """A writer killed between its two renames leaves the old artefact aside and nothing
    at `place`: put it back."""
    if not place.exists() and (_aside(place) / MANIFEST).is_file():
        with suppress(OSError):  # another process did it first, or the folder is not ours to change
            _aside(place).rename(place)


def _sweep(place: Path) -> None:
    """Remove temporary folders that killed writers of `place` left more than a day ago."""
    for left in place.parent.glob(f".{glob.escape(place.name)}-{'[a-z0-9_]' * 8}"):
        with suppress(OSError):  # its writer lives and has just moved it
            if time.time() - left.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def write_json(file: Path, value: Any) -> None:
    """Write `value` as JSON so that the file is whole or as it was before."""
    temporary = file.with_name(f".{file.name}.part")
    temporary.write_text(
        json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )
    os.replace(temporary, file)


def write_lines(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows as JSON objects, one a line, so that the file is whole or as it was before."""
    temporary = file.with_name(f".{file.name}.part")
    with temporary.open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    os.replace(temporary, file)


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The rows that `write_lines` wrote. Only \\n ends a line: texts hold the other ends of lines."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)
