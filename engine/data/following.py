"""What becomes of the questions about documents that were changed, or left out because another one says the
same: they follow. Knows no filter and no file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.data import tidy
from engine.data.records import Document, Question


class Followed(NamedTuple):
    """The questions as they are now; how many are asked about another document that says the same; those
    whose document is gone, with the reason."""

    questions: tuple[Question, ...]
    moved: int
    lost: tuple[tuple[Question, str], ...]


def follow(
    questions: Sequence[Question],
    old: Sequence[Document],
    new: Sequence[Document],
    twins: Mapping[str, str],
    reasons: Mapping[str, str],
    right: Callable[[str], str],
) -> Followed:
    """`questions` about the documents `old`, now about `new`. `twins` names, for a document that was left out
    as a duplicate, the one that was kept; `reasons` why others were; `right` is what was done to texts.

    Words are put right as the documents' were, places found again (one that can't be found is dropped). A
    question whose answer no kept document holds is lost; one without an answer only forgets its document.
    """
    before, now = ({document.id: document for document in some} for some in (old, new))
    found: list[Question] = []
    lost: list[tuple[Question, str]] = []
    moved = 0
    for question in questions:
        question = replace(question, question=right(question.question))
        source = before.get(question.document or "")
        kept = source and now.get(_last(source.id, twins))
        if source is None or kept is source:  # nothing happened to what it is about
            found.append(question)
            continue
        if kept is None or kept.id != source.id:
            answered = kept is not None and _holds(kept.text, map(right, question.answers))
            if not answered and question.answers:
                lost.append((question, reasons.get(source.id, "its document was left out")))
                continue
            moved += answered
        found.append(_changed(question, source, kept, right))
    return Followed(tuple(found), moved, tuple(lost))


def _last(identity: str, twins: Mapping[str, str]) -> str:
    """The document that is left of a chain of duplicates."""
    while identity in twins:
        identity = twins[identity]
    return identity


def _holds(text: str, answers: Iterable[str]) -> bool:
    text = text.casefold()
    return any(answer.casefold() in text for answer in answers)


def _changed(
    question: Question, source: Document, kept: Document | None, right: Callable[[str], str]
) -> Question:
    answers = tuple(dict.fromkeys(map(right, question.answers)))
    starts: tuple[int, ...] = ()
    if kept is not None:
        starts = tidy.moved(answers, question.starts, source.text, kept.text)
    return replace(
        question,
        answers=answers,
        document=kept.id if kept is not None else None,
        evidence=right(question.evidence),
        starts=starts,
    )
