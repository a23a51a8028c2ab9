"""Which bullet an answer rests on: a citation is moved to the bullet that holds the answer when the cited one
does not.

Small models say the right words and cite the wrong number. The move is written into the answer (`moved`), so
that the trace shows it. Decides nothing about whether the answer is right.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.inference.extract import Found
from engine.inference.reading import shares
from engine.inference.trace import Answer, Bullet
from engine.inference.verify import holds


def resolved(answer: Answer, bullets: Sequence[Bullet], found: Found | None) -> Answer:
    """`answer` with citations of bullets that hold it.

    Cited bullets that have its words, numbers and names stay; if none has, the bullet that has them is cited,
    of several the one in which the reader most likely sees the answer start (without a reader the one the
    compressor liked best). If no bullet has them, the citations stay as they are.
    """
    if answer.refused or not bullets:
        return answer
    held = [bullet for bullet in bullets if holds(bullet.text, answer.text)]
    kept = tuple(number for number in answer.citations if any(one.number == number for one in held))
    if kept == answer.citations and kept:
        return answer
    if kept:
        said = f"dropped {_listed(set(answer.citations) - set(kept))}, which does not hold the answer"
        return replace(answer, citations=kept, moved=said)
    if not held:
        return answer
    chances = shares(found, [bullet.text for bullet in bullets]) if found else [0.0] * len(bullets)
    best = max(held, key=lambda bullet: (chances[bullet.number - 1], bullet.score))
    old = f"citation moved from {_listed(answer.citations)}" if answer.citations else "moved from nothing"
    return replace(
        answer, citations=(best.number,), moved=f"{old} to [{best.number}], which holds the answer"
    )


def _listed(numbers: Sequence[int] | set[int]) -> str:
    return ", ".join(f"[{number}]" for number in sorted(numbers))
