"""What lies in the workspace, what was made of what, and how to delete it without leaving anything that
points at nothing. Reads manifests; opens no model."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

from sqlite_utils import Database

from engine.artifact import MANIFEST, read_manifest, whole
from engine.errors import ArtifactError, ConfigError
from jobs.workspace import artifact, home
from storage import artifacts, jobs

KINDS = ("dataset", "index", "questions", "adapter", "evaluation", "experiment", "calibration")


class Thing(NamedTuple):
    """An artefact: its kind, id and manifest."""

    kind: str
    id: str
    manifest: dict[str, Any]


def things(kind: str | None = None) -> list[Thing]:
    """The whole artefacts of the workspace, of one kind if given, oldest first. What can't be read is left
    out."""
    found: list[tuple[float, Thing]] = []
    for name in KINDS if kind is None else (kind,):
        root = home() / "artifacts" / name
        for place in sorted(root.glob(f"[!.]*/{MANIFEST}")) if root.is_dir() else []:
            try:
                thing = Thing(name, place.parent.name, read_manifest(place.parent))
            except ArtifactError:
                continue
            found.append((place.stat().st_mtime, thing))
    return [thing for _, thing in sorted(found, key=lambda pair: (pair[0], pair[1].id))]


def sources(kind: str, id: str, known: list[Thing] | None = None) -> list[Thing]:
    """What this artefact was made of, directly or not, oldest first, among `known` (default: all there
    is)."""
    known = things() if known is None else known
    by = {(one.kind, one.id): one for one in known}
    reached, new = set[tuple[str, str]](), {(kind, id)}
    while new:
        reached |= new
        new = {source for name in new if name in by for source in _sources(by[name], known)} - reached
    return [one for one in known if (one.kind, one.id) in reached - {(kind, id)}]


def dependents(kind: str, id: str, known: list[Thing] | None = None) -> list[Thing]:
    """What was made of this artefact, directly or not, oldest first, among `known` (default: all there
    is)."""
    known = things() if known is None else known
    reached = {(kind, id)}
    while True:
        more = {(one.kind, one.id) for one in known if _sources(one, known) & reached} - reached
        if not more:
            return [one for one in known if (one.kind, one.id) in reached - {(kind, id)}]
        reached |= more


def delete(db: Database, kind: str, id: str) -> None:
    """Delete an artefact and its row. Raises ConfigError when there is none, when something was made of it,
    or when a job that is not done may use it."""
    if kind not in KINDS:
        raise ConfigError(f"There is no kind of artefact {kind!r}: use one of {', '.join(KINDS)}.")
    place = artifact(kind, id)
    if not whole(place):
        raise ConfigError(f"There is no {kind} {id!r} here.")
    after = dependents(kind, id)
    if after:
        named = ", ".join(f"{one.kind} {one.id}" for one in after[:5])
        more = f" and {len(after) - 5} more" if len(after) > 5 else ""
        raise ConfigError(f"The {kind} {id} is needed by {named}{more}: delete those first.")
    users = [row["id"] for row in jobs.unfinished(db) if _uses(row, id, db)]
    if users:
        raise ConfigError(f"The {kind} {id} may be used by the job {users[0]}: cancel it or wait for it.")
    _remove(place)
    artifacts.forget(db, kind, id)


def _sources(thing: Thing, known: list[Thing]) -> set[tuple[str, str]]:
    """What a manifest says that the artefact was made of."""
    manifest, found = thing.manifest, set()
    for kind in ("dataset", "index", "questions", "adapter", "evaluation", "experiment"):
        named = (
            manifest.get("dataset_id")
            if kind == "dataset" and "dataset_id" in manifest
            else manifest.get(kind)
        )
        if isinstance(named, str) and kind != thing.kind:
            found.add((kind, named))
    if thing.kind in ("adapter", "questions"):  # an adapter names its index by fingerprint
        prints = {one.manifest.get("fingerprint"): one.id for one in known if one.kind == "index"}
        if manifest.get("index") in prints:
            found.add(("index", prints[manifest["index"]]))
    return found


def _uses(row: dict[str, Any], id: str, db: Database) -> bool:
    named = {str(value) for value in row["spec"].values()}
    made = {
        Path(other["artifact"]).name
        for need in row["needs"]
        if (other := jobs.get(db, need)) and other["artifact"]
    }
    return id in named | made


def _remove(place: Path) -> None:
    """Out of sight first, so that nobody finds half of it."""
    aside = place.with_name(f".{place.name}-deleted")
    shutil.rmtree(aside, ignore_errors=True)
    place.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
