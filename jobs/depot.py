"""Artefacts in a place that several machines reach: BANTAM_ARTIFACTS, any url that fsspec knows (a shared
folder, s3://, gs://). Whole or not there, as at home: the manifest goes last.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from engine.artifact import MANIFEST, whole
from engine.errors import ArtifactError, ConfigError

URL = "BANTAM_ARTIFACTS"


def put(place: Path) -> None:
    """Copy the artefact at `place` (.../kind/id) to the depot, unless it is there."""
    system, root = _depot()
    there = f"{root}/{place.parent.name}/{place.name}"
    try:
        if system.exists(f"{there}/{MANIFEST}"):
            return
        files = sorted(file for file in place.rglob("*") if file.is_file() and file.name != MANIFEST)
        for file in [*files, place / MANIFEST]:
            name = f"{there}/{file.relative_to(place).as_posix()}"
            system.makedirs(name.rsplit("/", 1)[0], exist_ok=True)
            system.put_file(str(file), name)
    except OSError as error:
        raise ArtifactError(
            f"{place.name} cannot be copied to {os.environ[URL]} ({error}): check it."
        ) from error


def get(place: Path) -> None:
    """Copy an artefact from the depot to `place`, unless it is there. Raises ArtifactError when the depot has
    none."""
    if whole(place):
        return
    system, root = _depot()
    there = f"{root}/{place.parent.name}/{place.name}"
    place.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        if not system.exists(f"{there}/{MANIFEST}"):
            raise ArtifactError(f"There is no {place.parent.name} {place.name} in {os.environ[URL]}.")
        for name in system.find(there):
            file = work / str(name)[len(there) :].lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(name, str(file))
        work.chmod(0o755)
        work.rename(place)
    except OSError as error:
        raise ArtifactError(f"{place.name} cannot be fetched from {os.environ[URL]} ({error}).") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _depot() -> tuple[Any, str]:
    import fsspec

    url = os.environ.get(URL)
    if not url:
        raise ConfigError(
            f"{URL} is not set: give the url of a folder that this machine and the cluster reach."
        )
    try:
        system, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"{URL} {url!r} cannot be used: {error}.") from error
    return system, str(root).rstrip("/")
