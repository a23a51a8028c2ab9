"""What the command `export` writes: finds what a name means, makes rows of it, and says what was written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.artifact import whole
from engine.data import dataset, export
from engine.data.dataset import PAIRS, read_records
from engine.data.records import Pair
from engine.errors import ConfigError, DataError
from jobs import review
from jobs.material import training
from jobs.references import find, find_index, find_written
from jobs.workspace import artifact, checked_name, home
from storage.db import connect

if TYPE_CHECKING:
    from engine.training.examples import Mixture

SHOWN = 400  # tokens of a preview
TRAINING = "training"  # the shares that the lab itself trains a model of that size on
KINDS = {  # of rows, as RAFT calls them
    "focused": "the evidence alone",
    "grounded": "the evidence among distractors",
    "withheld": "no answer in what is shown",
    "closed-book": "nothing shown",
}


def run(
    name: str,
    format: str,
    out: Path,
    model: str,
    limit: int,
    seed: int,
    accepted: bool = False,
    shares: str = "",
) -> dict[str, Any]:
    """Export the dataset, questions or pairs `name` into the folder `out`; with `accepted` only the pairs
    that a person accepted; `shares` says how many rows of which kind the questions give. Raises LabError."""
    checked_name(name)
    if format == "sft":
        return _sft(name, out, model, limit, seed, shares)
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


def mixture(shares: str, usual: "Mixture") -> "Mixture":
    """The `usual` shares of rows with those that the text names, such as `joint=1,withheld=0.3`. Raises
    ConfigError."""
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in shares.split(","))):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in usual._fields:
            raise ConfigError(f"There is no share {name!r}: use some of {', '.join(usual._fields)}.")
        try:
            given[name] = float(value)
        except ValueError:
            given[name] = -1.0
        if not 0 <= given[name] <= 1:
            raise ConfigError(f"The share {part!r} cannot be used: give it as {name}=0 to {name}=1.")
    return usual._replace(**given)


def _sft(name: str, out: Path, model: str, limit: int, seed: int, shares: str) -> dict[str, Any]:
    """Rows of the dataset's questions as they are served, for the model's own tokenizer. In the shares of
    RAFT if no others are named: a tiny model is trained without refusals here, which is no example for
    others."""
    from engine.catalog import lookup
    from engine.inference.model import load
    from engine.retrieval import index as indexes
    from engine.training import examples

    db = connect(home())
    source = find(db, "dataset", name)
    index = indexes.load(find_index(db, "", source))
    questions = training(source, find_written(db, "", source), index).questions[: limit or None]
    entry = lookup(model)
    trained = shares.strip() == TRAINING
    mixed = examples.usual_mixture(entry.parameters) if trained else mixture(shares, examples.AS_SERVED)
    tokenizer = load(entry.name, device="cpu", merge=False).tokenizer
    made = examples.rows(questions, index, tokenizer, mixture=mixed, seed=seed)
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
        "share_of_rows": {kind: round(count / len(made), 3) for kind, count in kinds.items()},
        "shares": mixed._asdict(),
        "tokens": sum(row.length for row in made),
        "learned": sum(len(row.completion) for row in made),
        "preview": [list(piece) for piece in pieces],
    }
