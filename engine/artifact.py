"""Folders of results that are whole or not there: written beside their place, `manifest.json` last, then renamed.

Knows nothing of what is inside. A manifest is a flat JSON object; `load` refuses a folder without one.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import ArtifactError

MANIFEST = "manifest.json"


@contextmanager
def writing(place: Path, manifest: dict[str, Any]) -> Iterator[Path]:
    """A temporary folder beside `place` to write into; on leaving without an error it gets the manifest and becomes `place`.

    `manifest` may be filled until then. A folder already at `place` is replaced. After an error nothing is left behind.
    """
    work = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
        yield work
        write_json(work / MANIFEST, manifest)
        work.chmod(0o755)
        old = place.with_name(f".{place.name}-old")
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        work.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ArtifactError(
            f"{place.name} cannot be written under {place.parent} ({error.strerror or error}): make the folder writable, "
            "or set BANTAM_HOME to one that is."
        ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def read_manifest(place: Path) -> dict[str, Any]:
    """The manifest of the artefact at `place`. Raises ArtifactError when it is missing or not readable."""
    try:
        found = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{place.name} has no readable {MANIFEST}: it is not whole. Delete it and make it again.") from error
    if not isinstance(found, dict):
        raise ArtifactError(f"{place.name}/{MANIFEST} is not an object: delete the folder and make it again.")
    return found


def whole(place: Path) -> bool:
    """Whether an artefact with a manifest stands at `place`."""
    return (place / MANIFEST).is_file()


def write_json(file: Path, value: Any) -> None:
    """Write `value` as JSON so that the file is whole or as it was before."""
    temporary = file.with_name(f".{file.name}.part")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, file)
