"""What the command `export` writes: finds what a name means, makes rows of it, and says what was written."""

from pathlib import Path
from typing import Any

from engine.artifact import whole
from engine.data import dataset, export
from engine.data.dataset import PAIRS, read_records
from engine.data.records import Pair
from engine.errors import DataError
from jobs import review
from jobs.material import training
from jobs.references import find, find_index, find_written
from jobs.workspace import artifact, checked_name, home
from storage.db import connect

SHOWN = 400  # tokens of a preview


def run(
    name: str, format: str, out: Path, model: str, limit: int, seed: int, accepted: bool = False
) -> dict[str, Any]:
    """Export the dataset, questions or pairs `name` into the folder `out`; with `accepted` only the pairs
    that a person accepted. Raises LabError."""
    checked_name(name)
    if format == "sft":
        return _sft(name, out, model, limit, seed)
    if format == "trl":
        return _trl(name, out, accepted)
    corpus = dataset.load(find(connect(home()), "dataset", name))
    parts = export.plain(corpus)
    for part, rows in parts.items():
        export.write(out, part, rows, library=False)
    return {"folder": str(out), "rows": {part: len(rows) for part, rows in parts.items()}}


def _trl(name: str, out: Path, accepted: bool) -> dict[str, Any]:
    """Chats, and pairs without those that a person rejected."""
    db = connect(home())
    place = artifact("pairs", name)
    if whole(place):
        pairs = read_records(place / PAIRS, Pair)
        chats: list[dict[str, Any]] = []
    else:
        corpus = dataset.load(find(db, "dataset", name))
        pairs, chats = corpus.pairs, export.chats(corpus.chats)
    had = len(pairs)
    pairs, left_out = review.without_rejected(db, pairs, accepted_only=accepted)
    if had and not pairs and not chats:
        how = "accepted" if accepted else "left: all were rejected"
        raise DataError(f"None of the {had} pairs of {name!r} is {how}: look at them on the page Data.")
    if not pairs and not chats:
        raise DataError(
            f"{name!r} has neither pairs nor chats: make pairs with `pairs`, import some, or export "
            "questions with --format sft."
        )
    rows = {"preference": export.preferences(pairs), "chat": chats}
    for part, found in rows.items():
        if found:
            export.write(out, part, found)
    counts = {part: len(found) for part, found in rows.items() if found}
    return {"folder": str(out), "rows": counts, "left_out": left_out}


def _sft(name: str, out: Path, model: str, limit: int, seed: int) -> dict[str, Any]:
    """The rows that training an adapter on the dataset's questions would see, for the model's own
    tokenizer."""
    from engine.catalog import lookup
    from engine.inference.model import load
    from engine.retrieval import index as indexes
    from engine.training import examples

    db = connect(home())
    source = find(db, "dataset", name)
    index = indexes.load(find_index(db, "", source))
    questions = training(source, find_written(db, "", source), index)[: limit or None]
    tokenizer = load(lookup(model).name, device="cpu", merge=False).tokenizer
    made = examples.rows(questions, index, tokenizer, seed=seed)
    if not made:
        raise DataError(
            f"No training row can be made of the questions of {name!r}: they need answers and evidence."
        )
    export.write(out, "sft", export.served(made, tokenizer))
    kinds = {kind: sum(row.kind == kind for row in made) for kind in examples.KINDS}
    pieces = export.preview(made[0], tokenizer)[:SHOWN]
    return {
        "folder": str(out),
        "rows": {"sft": len(made)},
        "kinds": kinds,
        "tokens": sum(row.length for row in made),
        "learned": sum(len(row.completion) for row in made),
        "preview": [list(piece) for piece in pieces],
    }
