"""Divides questions into train, dev and test: by question or by document, each sort for itself, the same for
the same seed. Knows no files.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from operator import attrgetter
from typing import Literal

from engine.data.records import Question, fingerprint
from engine.errors import ConfigError, DataError

SPLITS = ("train", "dev", "test")


def split_questions(questions: Iterable[Question], seed: int = 0) -> tuple[Question, ...]:
    """Give each question without a split one: a third dev, the rest test, answerable and unanswerable each
    for itself.

    A given split stays. Which ones become dev hangs on ids and seed only, never on the order of the rows.
    """
    questions = tuple(questions)
    dev: set[str] = set()
    for answerable in (True, False):
        ids = [q.id for q in questions if not q.split and q.answerable == answerable]
        ids.sort(key=lambda identity: _draw(seed, identity))
        dev.update(ids[: round(len(ids) / 3)])
    return tuple(q if q.split else replace(q, split="dev" if q.id in dev else "test") for q in questions)


def divide(
    questions: Sequence[Question],
    shares: Mapping[str, float],
    by: Literal["question", "document"] = "question",
    seed: int = 0,
    keep: bool = False,
) -> tuple[Question, ...]:
    """Divide questions by `shares` ({"train": 0.6, "dev": 0.2, "test": 0.2}; what is left of 1 goes to the
    last).

    By question: each kind, answerable and not, for itself, so that every split has its share of each. By
    document: all questions of a document go together, so that no split has seen another's text; documents are
    dealt out, most questions first, to the split that lacks most of their kinds (after Sechidis and others
    2011, "On the stratification of multi-label data"). `keep` leaves splits that are there. Hangs
    on ids and seed only. Raises ConfigError for shares that make no sense, DataError when a split stays
    empty.
    """
    _check(shares)
    fixed = {q.id: q.split for q in questions if keep and q.split}
    free = [question for question in questions if question.id not in fixed]
    groups: dict[str, list[str]] = defaultdict(list)
    sorts = {question.id: f"{question.answerable}:{question.kind}" for question in free}
    if by == "document":
        for question in free:
            groups[question.document or f"?{question.id}"].append(question.id)
        given = _dealt(groups, sorts, shares, seed)
    else:
        for question in free:
            groups[sorts[question.id]].append(question.id)
        given = {}
        for ids in groups.values():
            given.update(_cut(sorted(ids, key=lambda identity: _draw(seed, identity)), shares))
    made = tuple(
        replace(question, split=fixed.get(question.id) or given[question.id]) for question in questions
    )
    empty = [name for name, share in shares.items() if share > 0 and not any(q.split == name for q in made)]
    if empty:
        raise DataError(
            f"{len(questions)} questions of {len(groups)} {by if by == 'document' else 'kind'}s are too few "
            f"for the split {empty[0]!r}: divide by question, give it a larger share, or add questions."
        )
    return made


def frozen(questions: Iterable[Question]) -> dict[str, str]:
    """The fingerprint of each split, for a manifest: a split that was changed later no longer has it."""
    parts: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        parts[question.split].append(question)
    return {name: _fixed(part) for name, part in sorted(parts.items()) if name}


def _fixed(questions: list[Question]) -> str:
    in_order: list[Question] = sorted(questions, key=attrgetter("id"))
    return fingerprint(in_order)


def check_frozen(wanted: Mapping[str, str], questions: Iterable[Question]) -> None:
    """Raise DataError when a split is not the one that was frozen."""
    now = frozen(questions)
    for name, value in wanted.items():
        if now.get(name) != value:
            raise DataError(
                f"The split {name!r} is not the one that was frozen ({now.get(name, 'empty')}, not {value}): "
                "numbers on it can't be compared with earlier ones. Divide again into a new dataset."
            )


def _check(shares: Mapping[str, float]) -> None:
    unknown = [name for name in shares if name not in SPLITS]
    if unknown or not shares:
        raise ConfigError(
            f"There is no split {(unknown or ['(none)'])[0]!r}: use some of {', '.join(SPLITS)}."
        )
    if any(not 0 <= share <= 1 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise ConfigError(
            f"Shares {dict(shares)} cannot be used: each is 0 to 1 and together they are at most 1."
        )


def _cut(ids: Sequence[str], shares: Mapping[str, float]) -> dict[str, str]:
    given: dict[str, str] = {}
    start, total = 0, 0.0
    names = list(shares)
    for name in names:
        total += shares[name]
        end = len(ids) if name == names[-1] else round(len(ids) * total)
        given.update(dict.fromkeys(ids[start:end], name))
        start = max(start, end)
    return given


def _dealt(
    groups: Mapping[str, Sequence[str]], sorts: Mapping[str, str], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """A split for each id. A group goes whole to one that has room for it, to the one that lacks most of what
    is in it, each sort counted by how much of it there is in all; where none has room, to the emptiest."""
    total = Counter(sorts.values())
    rest = 1 - sum(shares.values())
    lacks = {}
    for name, share in shares.items():
        share += rest if name == list(shares)[-1] else 0
        lacks[name] = {sort: share * count for sort, count in total.items()}
    given = {}
    for key in sorted(groups, key=lambda key: (-len(groups[key]), _draw(seed, key))):
        held = Counter(sorts[identity] for identity in groups[key])
        want = {
            name: sum(count * lack[sort] / total[sort] for sort, count in held.items())
            for name, lack in lacks.items()
        }
        room = {name: sum(lack.values()) for name, lack in lacks.items()}
        fitting = [name for name in room if room[name] >= len(groups[key])]
        name = max(fitting or [max(room, key=lambda name: room[name])], key=lambda name: want[name])
        for sort, count in held.items():
            lacks[name][sort] -= count
        given.update(dict.fromkeys(groups[key], name))
    return given


def _draw(seed: int, identity: str) -> bytes:
    return sha256(f"{seed}:{identity}".encode()).digest()
