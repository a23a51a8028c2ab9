"""Delete an adapter, an index or a dataset: its folder and its row, with what depends on it named before.
Stops no job."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

from sqlite_utils import Database

from engine.artifact import read_manifest, whole
from engine.errors import ArtifactError, ConfigError
from jobs.workspace import home
from storage import artifacts, listing

KINDS = ("adapter", "index", "dataset")


class Dependent(NamedTuple):
    """Something made with, or asked through, what is to be deleted. `holds`: it must be deleted first."""

    kind: str
    name: str
    loss: str
    holds: bool = False


def experiments() -> dict[str, dict[str, Any]]:
    """The manifests of the workspace's experiments by name; broken ones are left out."""
    found = {}
    for place in sorted((home() / "artifacts" / "experiment").glob("[!.]*")):
        if whole(place):
            try:
                found[place.name] = read_manifest(place)
            except ArtifactError:
                continue
    return found


def dependents(db: Database, kind: str, id: str) -> list[Dependent]:
    """What depends on the adapter, index or dataset with this id. Raises ConfigError if there is none."""
    row = _row(db, kind, id)
    made = [
        Dependent("experiment", name, f"its table stays, but it can no longer answer with this {kind}")
        for name, manifest in experiments().items()
        if manifest.get(kind) == id
    ]
    if kind == "index":
        made += [
            Dependent("adapter", model["name"], "it was trained on prompts from this index")
            for model in listing.models(db, artifacts.ADAPTER)
            if model["manifest"].get("index") == row["fingerprint"]
        ]
    if kind == "dataset":
        made += [
            Dependent("index", index["id"], "delete it first", holds=True)
            for index in listing.indexes(db)
            if index["dataset_id"] == id
        ]
    return made


def remove(db: Database, kind: str, id: str) -> None:
    """Delete the row, then the folder under the workspace. Raises ConfigError if something holds it."""
    row = _row(db, kind, id)
    held = [one for one in dependents(db, kind, id) if one.holds]
    if held:
        raise ConfigError(
            f"The {kind} {id} cannot be deleted: {held[0].kind} {held[0].name} is made of it; delete that "
            "first."
        )
    place = _place(kind, row)
    artifacts.forget(db, kind, id)
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)


def _row(db: Database, kind: str, id: str) -> dict[str, Any]:
    find = {"adapter": artifacts.find_model, "index": artifacts.find_index, "dataset": artifacts.find_dataset}
    row = find[kind](db, id=id) if kind in find else None
    if row is None or (kind == "adapter" and row["kind"] != artifacts.ADAPTER):
        raise ConfigError(f"There is no {kind} {id!r} in this workspace; choose one from the list.")
    return row


def _place(kind: str, row: dict[str, Any]) -> Path | None:
    """The artefact's folder, only if it lies where artefacts of its kind do: a row must not name other
    folders."""
    if not row["path"]:
        return None
    root = (home() / "artifacts" / kind).resolve()
    place = (home() / row["path"]).resolve()
    return place if place.parent == root and place.is_dir() else None
