"""The rows in storage that point at models, written when one is made."""

from dataclasses import asdict
from pathlib import Path

from sqlite_utils import Database

from engine.artifact import read_manifest
from engine.catalog import lookup
from jobs.workspace import under_home
from storage import artifacts


def record_adapter(db: Database, place: Path, name: str) -> None:
    """Keep the rows of the adapter at `place` and of the model it belongs to."""
    manifest = read_manifest(place)
    base = manifest["base"]
    if artifacts.find_model(db, id=base) is None:
        artifacts.record_model(
            db,
            id=base,
            name=base,
            base=base,
            kind=artifacts.BASE,
            path="",
            manifest=asdict(lookup(base)),
        )
    if artifacts.find_model(db, id=place.name) is None:
        artifacts.record_model(
            db,
            id=place.name,
            name=name,
            base=base,
            kind=artifacts.ADAPTER,
            path=under_home(place),
            manifest=manifest,
        )
