"""The rows that point at datasets, indexes and models on disk. Opens no artefact: the folder's own manifest
is the truth.

Recording an id again replaces its row, so that a stage that runs again leaves one. Paths are kept as given;
relative to the workspace they survive its move.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database

from storage.db import Row, fetch, from_json, now, to_json, writing

BASE = "base"
ADAPTER = "adapter"


def record_dataset(
    db: Database,
    *,
    id: str,
    name: str,
    fingerprint: str,
    documents: int,
    questions: int,
    path: str,
    rejected: Sequence[Any] = (),
    at: str | None = None,
) -> Row:
    """Keep a dataset's row: how many documents and questions, and what was rejected (objects with file, row,
    reason)."""
    with writing(db):
        db.execute(
            """insert into dataset (id, name, fingerprint, documents, questions, rejected, path, created_at)
            values (?, ?, ?, ?, ?, ?, ?, ?)
            on conflict (id) do update set name = excluded.name, fingerprint = excluded.fingerprint,
                documents = excluded.documents, questions = excluded.questions, rejected = excluded.rejected,
                path = excluded.path, created_at = excluded.created_at""",
            [id, name, fingerprint, documents, questions, to_json(rejected), str(path), at or now()],
        )
    return _recorded(find_dataset(db, id=id))


def record_index(
    db: Database,
    *,
    id: str,
    dataset_id: str,
    fingerprint: str,
    path: str,
    manifest: Mapping[str, Any],
    at: str | None = None,
) -> Row:
    """Keep an index's row; its dataset must be recorded before."""
    with writing(db):
        db.execute(
            """insert into index_ (id, dataset_id, fingerprint, path, manifest, created_at)
            values (?, ?, ?, ?, ?, ?)
            on conflict (id) do update set dataset_id = excluded.dataset_id,
                fingerprint = excluded.fingerprint, path = excluded.path, manifest = excluded.manifest,
                created_at = excluded.created_at""",
            [id, dataset_id, fingerprint, str(path), to_json(manifest), at or now()],
        )
    return _recorded(find_index(db, id=id))


def record_model(
    db: Database,
    *,
    id: str,
    name: str,
    base: str,
    kind: str,
    path: str,
    manifest: Mapping[str, Any],
    at: str | None = None,
) -> Row:
    """Keep a model's row; `kind` is BASE or ADAPTER, `base` the model an adapter belongs to (itself for a
    base)."""
    with writing(db):
        db.execute(
            """insert into model (id, name, base, kind, path, manifest, created_at)
            values (?, ?, ?, ?, ?, ?, ?)
            on conflict (id) do update set name = excluded.name, base = excluded.base, kind = excluded.kind,
                path = excluded.path, manifest = excluded.manifest, created_at = excluded.created_at""",
            [id, name, base, kind, str(path), to_json(manifest), at or now()],
        )
    return _recorded(find_model(db, id=id))


def find_dataset(
    db: Database, *, id: str | None = None, fingerprint: str | None = None, name: str | None = None
) -> Row | None:
    """The latest dataset with all that is given, `rejected` parsed; None if there is none."""
    return _latest(
        db,
        """select * from dataset where (:id is null or id = :id)
        and (:fingerprint is null or fingerprint = :fingerprint) and (:name is null or name = :name) order by
        created_at desc, rowid desc limit 1""",
        {"id": id, "fingerprint": fingerprint, "name": name},
        "rejected",
    )


def find_index(
    db: Database, *, id: str | None = None, fingerprint: str | None = None, dataset_id: str | None = None
) -> Row | None:
    """The latest index with all that is given, `manifest` parsed; None if there is none."""
    return _latest(
        db,
        """select * from index_ where (:id is null or id = :id)
        and (:fingerprint is null or fingerprint = :fingerprint) and (:dataset is null or dataset_id =
        :dataset) order by created_at desc, rowid desc limit 1""",
        {"id": id, "fingerprint": fingerprint, "dataset": dataset_id},
        "manifest",
    )


def find_model(
    db: Database,
    *,
    id: str | None = None,
    name: str | None = None,
    base: str | None = None,
    kind: str | None = None,
) -> Row | None:
    """The latest model with all that is given, `manifest` parsed; None if there is none."""
    return _latest(
        db,
        """select * from model where (:id is null or id = :id) and (:name is null or name = :name)
        and (:base is null or base = :base) and (:kind is null or kind = :kind)
        order by created_at desc, rowid desc limit 1""",
        {"id": id, "name": name, "base": base, "kind": kind},
        "manifest",
    )


def datasets(db: Database) -> list[Row]:
    """All datasets, newest first, `rejected` parsed."""
    rows = fetch(db, "select * from dataset order by created_at desc, rowid desc")
    return [from_json(row, "rejected") for row in rows]


def indexes(db: Database) -> list[Row]:
    """All indexes, newest first, `manifest` parsed, each with its dataset's name as `dataset`."""
    rows = fetch(
        db,
        """select index_.*, dataset.name as dataset from index_ join dataset on dataset.id = dataset_id
        order by index_.created_at desc, index_.rowid desc""",
    )
    return [from_json(row, "manifest") for row in rows]


def models(db: Database, *, kind: str | None = None) -> list[Row]:
    """All models, of one kind if given, newest first, `manifest` parsed."""
    rows = fetch(
        db,
        "select * from model where ? is null or kind = ? order by created_at desc, rowid desc",
        [kind, kind],
    )
    return [from_json(row, "manifest") for row in rows]


def forget(db: Database, kind: str, id: str) -> None:
    """Delete the row of a dataset, index or adapter; of other kinds there is none. A dataset's indexes go
    with it."""
    with writing(db):
        if kind == "dataset":
            db.execute("delete from index_ where dataset_id = ?", [id])
            db.execute("delete from dataset where id = ?", [id])
        elif kind == "index":
            db.execute("delete from index_ where id = ?", [id])
        elif kind == ADAPTER:
            db.execute("delete from model where id = ? and kind = ?", [id, ADAPTER])


def _latest(db: Database, sql: str, values: dict[str, Any], column: str) -> Row | None:
    rows = fetch(db, sql, values)
    return from_json(rows[0], column) if rows else None


def _recorded(row: Row | None) -> Row:
    assert row is not None  # written a moment ago, and nothing deletes
    return row
