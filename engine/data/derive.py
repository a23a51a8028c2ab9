"""Questions made of kept ones by rule: over two passages, and ones that the documents do not answer.

Two passages: a name in one question is put as another question describes it (MuSiQue's way: Trivedi and
others 2022, "MuSiQue: Multihop Questions via Single-hop Question Composition"). No answer: a document's
title in a question is exchanged for the nearest other one, and nothing about that one says it (after the
entity swaps of Jia and Liang 2017, "Adversarial Examples for Evaluating Reading Comprehension Systems").
Both are then checked like any written question. Knows no writer.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.data.sources import Source
from engine.data.spans import is_person
from engine.data.stems import free, stems
from engine.retrieval.index import Index
from engine.retrieval.words import words

_WHO = re.compile(r"^Who (?!is|are|was|were|did|do|does|has|have|had|can|could|would|will)(\w+ [^?,]+)\?$")
_IS = re.compile(
    r"^(?:Who|What) (?:is|was) (the (?!name\b)[^?,]*\b(?:first|last|only|\w+est|most \w+|of)\b[^?,]*)\?$"
)
_THING = re.compile(
    r"^(?:What|Which) (\w+) "
    r"((?!used|named|called)\w+ed (?!to\b|for\b|as\b)[^?,]+|(?:has|have|carries|orbits) [^?,]+)\?$"
)
_SORT_END = re.compile(r" (?:of|that|which|in|on|at|with|from|and|whose|who|for|between|to|near)\b")
OVERLAP = 0.5  # largest share of a question's words in one sentence about the other title
LEAST = 2  # words that a question must have beside the title


class Derived(NamedTuple):
    """A question, its answer ("" for none) and the kept sources it stands on, the answer's last."""

    question: str
    answer: str
    sources: tuple[Source, ...]


def two_hop(kept: Sequence[tuple[Source, str]]) -> Iterator[Derived]:
    """From each kept question at most one over two passages: "When did William Herschel die?" and "Who
    discovered Uranus?" give "When did the person who discovered Uranus die?"."""
    described: dict[str, list[tuple[Source, str]]] = {}
    for source, question in kept:
        if source.rule == "name" and (told := _description(question, source.answer)):
            described.setdefault(source.answer, []).append((source, told))
    for source, question in kept:
        for name, others in described.items():
            found = re.search(rf"(?<=[\w,] ){re.escape(name)}(?=[ ?]|'s)", question)
            if not found or source.answer in name or name in source.answer:
                continue
            fit = [one for one in others if _joins(source, question, name, *one)]
            if fit:
                first, told = fit[0]
                yield Derived(
                    question[: found.start()] + told + question[found.end() :], source.answer, (first, source)
                )
                break


def _joins(source: Source, question: str, name: str, first: Source, told: str) -> bool:
    """Whether the description stands elsewhere, tells nothing of the answer and is not what is asked."""
    if first.chunk == source.chunk or first.sentence == source.sentence:
        return False
    new = stems(told) - free()
    return not new & stems(source.answer) and not new & (stems(question) - stems(name) - free())


def _description(question: str, answer: str) -> str:
    """What a question says of its answer, as a noun phrase; "" where no rule fits."""
    if found := _IS.match(question):
        return found[1]
    if (found := _WHO.match(question)) and is_person(answer):
        return f"the person who {found[1]}"
    if found := _THING.match(question):
        return f"the {found[1]} that {found[2]}"
    return ""


def unanswerable(index: Index, kept: Sequence[tuple[Source, str]]) -> Iterator[Derived]:
    """From each kept question that names its document's title, the same about the nearest other title of
    which no sentence comes near to saying it."""
    titles = sorted({chunk.title for chunk in index.chunks if chunk.title})
    if len(titles) < 2:
        return
    vectors = index.embedder.vectors(titles)
    sorts = _sorts(index, titles)
    about: dict[str, list[set[str]]] = {title: [] for title in titles}
    for chunk in index.chunks:
        for sentence in chunk.sentences:
            told = set(words(sentence.text))
            for title in titles:
                if title == chunk.title or title in sentence.text:
                    about[title].append(told)
    for source, question in kept:
        if source.title not in about or source.title not in question:
            continue
        row = titles.index(source.title)
        for other in (vectors @ vectors[row]).argsort()[::-1][1:]:
            title = titles[int(other)]
            rest = set(words(question.replace(source.title, " "))) - free()
            if (
                len(rest) < LEAST
                or not sorts[title] & sorts[source.title]
                or title.split()[0] in question
                or _said(rest, about[title])
            ):
                continue
            yield Derived(question.replace(source.title, title), "", (source,))
            break


def _sorts(index: Index, titles: Sequence[str]) -> dict[str, set[str]]:
    """What each title is said to be: the words of "is the largest moon of" that name a sort of thing."""
    sorts: dict[str, set[str]] = {title: set() for title in titles}
    for chunk in index.chunks:
        if chunk.title not in sorts:
            continue
        for sentence in chunk.sentences:
            found = re.search(
                rf"\b{re.escape(chunk.title)} (?:is|was|are|were) (?:an?|the) ([\w -]+)", sentence.text
            )
            if found and not sorts[chunk.title]:
                noun = _SORT_END.split(found[1])[0].split()
                sorts[chunk.title] |= set(words(noun[-1])) if noun else set()
    return sorts


def _said(rest: set[str], sentences: Sequence[set[str]]) -> bool:
    return any(len(rest & sentence) > OVERLAP * len(rest) for sentence in sentences)
