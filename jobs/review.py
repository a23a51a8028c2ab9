"""Preference pairs and what people decided about them: which there are to look at, and which are left once
the rejected ones are taken out.

A decision belongs to what a pair says, not to the artefact it was seen in. Trains and exports nothing.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlite_utils import Database

from engine.artifact import whole
from engine.data.dataset import PAIRS, read_records
from engine.data.records import Pair
from engine.errors import ConfigError
from jobs.workspace import artifact, key
from storage import decisions

HOLDERS = ("pairs", "dataset")  # kinds of artefact that hold pairs
BY_HAND = "rejected by hand"


def place_of(id: str) -> Path:
    """The artefact of this id that holds pairs. Raises ConfigError if there is none."""
    for kind in HOLDERS:
        place = artifact(kind, id)
        if whole(place) and (place / PAIRS).is_file():
            return place
    raise ConfigError(f"There are no pairs {id!r} here any more: make them again, or choose others.")


def pairs_of(place: Path) -> tuple[Pair, ...]:
    """All pairs of an artefact, each once. Raises ArtifactError when they can't be read."""
    return tuple({name_of(pair): pair for pair in read_records(place / PAIRS, Pair)}.values())


def name_of(pair: Pair) -> str:
    """A short name for what a pair says: equal prompt and sides, equal name."""
    return key("pair", [list(message) for message in pair.prompt], pair.chosen, pair.rejected)


def without_rejected(
    db: Database, pairs: Iterable[Pair], *, accepted_only: bool = False
) -> tuple[tuple[Pair, ...], int]:
    """The pairs that nobody rejected (or that somebody accepted), and how many others there were."""
    return left(decisions.read(db), pairs, accepted_only=accepted_only)


def left(
    decided: Mapping[str, str], pairs: Iterable[Pair], *, accepted_only: bool = False
) -> tuple[tuple[Pair, ...], int]:
    """The same, by decisions that were read before."""
    all_ = tuple(pairs)
    kept = []
    for pair in all_:
        verdict = decided.get(name_of(pair))
        if verdict == decisions.ACCEPTED or (verdict is None and not accepted_only):
            kept.append(pair)
    return tuple(kept), len(all_) - len(kept)
