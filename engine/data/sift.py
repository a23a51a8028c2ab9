"""Whether a written question can be kept by its words alone: does it ask for the kind of answer it has, is it
whole, does it say anything that its source does not. Costs nothing, so it is asked before any model.

The rules were drawn from the questions that a small writer got wrong (docs/reports/measured.md). They are of
English and would rather drop a good question than keep a bad one. Knows no index and no model.
"""

import re

from engine.data.fits import fits
from engine.data.links import linked
from engine.data.sources import Source
from engine.data.stems import FORMS, free, stems
from engine.evaluation.metrics import holds_answer
from engine.retrieval.words import words

KEPT = "kept"
NOT_A_QUESTION, GIVES_AWAY = "not a question", "holds its own answer"
OTHER_KIND, CUT_OFF, TWICE = "asks for another kind of answer", "does not say of what", "says a word twice"
TURNED, NEW_WORDS, VAGUE = (
    "loses or adds a not",
    "words that the source does not have",
    "points at something unnamed",
)
OTHER_ONE = "says it of something else"

_CUT = re.compile(
    r"\b(?:is|was|are|were|be|been)\b[^?]*\b(?:of|in|on|at|around|from|by|to|about|for|with|than|as|that|the|"
    r"a|an|and|or)\?$"
    r"|\b(?:of|than|as|that|the|a|an|and|or|not|its|their|his|her)\?$|\b(?:do|does)\?$"
    r"|\bhow long (?:after|before)\b|\bhow (?:long|much)\b.*\bhave\?$"
    r"|^where\b.*\b(?:of|in|on|at|around|to|by|about|with|for)\?$"
)
_NOT = re.compile(
    r"\b(?:no|not|never|cannot|neither|nor|none|nobody|nothing|without|except|unlike|rather than)\b|n['’]t\b"
)
_POINTS = re.compile(r"\b(?:it|its|he|she|him|her|his|hers|they|them|their|this|these|those|here|there)\b")
_NAMED = re.compile(r" [A-Z]")
_OWN = re.compile(r"(?<!^)[A-Z0-9`_]|::|\(\)")
_POINTED = re.compile(r"\b(?:this|these|those|such) (?:\w+ )?(\w+)")
_CALLED = re.compile(r"\b([a-z]{4,}) ([A-Z][\w-]+)")
_OWNED = re.compile(r"([A-Z]\w+)['’]s? ([a-z]{3,})")
_CLAUSE = frozenset("after before when because while who whom that which where if until since".split())
_BEFORE_ADJECTIVE = frozenset(
    "a an the of and or by its his her their was were is are be been being has have had to in with for at on "
    "most more as from".split()
)
_BEHIND_VERB = frozenset(
    "a an the of and or by its his her their to in with for at on as from into onto over under around about "
    "through between against".split()
)


def wrong(question: str, source: Source) -> str:
    """Why `question` is dropped, "" if nothing speaks against it."""
    low = question.lower()
    if not question.endswith("?") or len(question.split()) < 4 or _past(low.rstrip("?").split()):
        return NOT_A_QUESTION
    inner = stems(source.answer) - stems(source.before + source.after) - free()
    if holds_answer(question, [source.answer]) or (source.rule != "quantity" and inner & stems(question)):
        return GIVES_AWAY
    if _CUT.search(low):
        return CUT_OFF
    asked = [word for word in words(question) if not word.isdigit()]
    if len(set(asked)) < len(asked) or not asked:
        return TWICE
    if not fits(question, source):
        return OTHER_KIND
    rest = f"{source.before} {source.after}".lower()
    if bool(_NOT.search(rest)) != bool(_NOT.search(low)):
        return TURNED
    if _vague(question, source, rest):
        return VAGUE
    if not linked(question, source.sentence, source.answer) or not _owns(question, source):
        return OTHER_ONE
    if stems(question) - stems(f"{source.context} {source.title}") - free():
        return NEW_WORDS
    return ""


def _owns(question: str, source: Source) -> bool:
    """Whether what a question gives somebody ("Rubin's physicist") is theirs in its source too."""
    for owner, thing in _OWNED.findall(question):
        theirs = rf"(?:{owner}['’]s?|\b(?:[Hh]is|[Hh]er|[Ii]ts|[Tt]heir)) (?:[\w-]+ ){{0,2}}{thing}"
        near = rf"{theirs}|{thing}\w* (?:of|for) .*{owner}"
        if not re.search(near, f"{source.sentence} {source.title}"):
            return False
    return True


def _past(said: list[str]) -> bool:
    """Whether a verb stands in the past behind did, does or do ("did he found")."""
    start = next((place for place, word in enumerate(said) if word in ("did", "does", "do")), len(said))
    for place in range(start + 2, len(said)):
        before, word, after = said[place - 1], said[place], said[place + 1 : place + 2]
        if before in _CLAUSE:
            return False
        past = re.fullmatch(r"\w{2,}[^e\W]ed", word) or FORMS.get(word, word) != word
        if past and before not in _BEFORE_ADJECTIVE and (not after or after[0] in _BEHIND_VERB):
            return True
    return False


def _vague(question: str, source: Source, rest: str) -> bool:
    """Whether a question says "it" of nothing, has no name, number or word of the title, or "the idea" where
    its source has "this idea"."""
    points = _POINTS.search(question.lower())
    if points and not _NAMED.search(question[: points.start()]):
        return True
    told = f"{source.before} {source.after} {source.title}"
    names = {name.lower() for name in re.findall(r"\b[A-Z]\w+", told)}
    names |= {name.lower() for term in re.findall(r"`([^`]+)`", source.sentence) for name in term.split()}
    if not _OWN.search(question) and not names & set(question[:-1].lower().split()):
        return True
    low, called = question.lower(), _CALLED.findall(source.sentence)  # "the lander Philae": not any lander
    for thing in {thing for thing, _ in called} & set(low[:-1].split()):
        owners = [name for other, name in called if other == thing]
        if not any(name.lower() in low or name in source.answer for name in owners):
            return True
    pointed = {word for found in _POINTED.finditer(rest) for word in words(found[1])}
    return bool(pointed & set(words(question)))
