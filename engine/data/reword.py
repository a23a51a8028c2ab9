"""Other forms of a question, by rule: what "When did" asks, "In what year did" asks too. The words about the
thing stay as they are, so that the answer does. English. Knows no model.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine.data.spans import LENGTH, MONTH, TIME, is_person

NO_FORM = "no other form of it is known"
_BE, _DO = "is|was|are|were", "do|does|did"
_AUX = f"{_BE}|{_DO}|has|have|had|can|could|will|would"
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_DAY = re.compile(r"\d{1,2} [A-Z][a-z]+|[A-Z][a-z]+ \d{1,2}(?!\d)")
_TIME, _LENGTH = re.compile(TIME), re.compile(LENGTH)
_MONTH = re.compile(rf"{MONTH} \d{{4}}")
_BY_PLACE = re.compile(
    r"\b(?:of|in|on|at|to|by|from|with|for|into|over|towards?|around|near|outside|inside|through|across|above|"
    r"below|behind|under|along)\?$"
)
_MOVES = re.compile(r"\b(?:go|travel|fly|move|sail|head|land|return|lead|sent|launched|moved|taken)\b")
_CLAUSE = re.compile(r"\b(?:when|while|after|before|that|which|who|if|as|than|compared)\b")
_MEASURES = {
    **{"wide": "width", "tall": "height", "high": "height", "deep": "depth", "large": "size", "big": "size"},
    **{"heavy": "weight", "massive": "mass", "hot": "temperature", "fast": "speed", "old": "age"},
}
_PREPOSITION = re.compile(r" (?:in|on|at|from|for|with|to|after|before|during|between|near) ")


class _Form(NamedTuple):
    """How a question looks, what its answer must be like, and other forms of it: numbers are groups."""

    looks: re.Pattern[str]
    others: tuple[str, ...]
    fits: Callable[[str], object] = bool
    leaves: re.Pattern[str] | None = None  # what the question must not hold


def _form(
    looks: str, *others: str, fits: Callable[[str], object] = bool, leaves: re.Pattern[str] | None = None
) -> _Form:
    return _Form(re.compile(looks), others, fits, leaves)


_FORMS = (
    _form(rf"When ((?:{_AUX}) .+)", "In what year {1}", "In which year {1}", fits=_YEAR.fullmatch),
    _form(rf"When ((?:{_AUX}) .+)", "On what date {1}", "On which day {1}", fits=_DAY.search),
    _form(rf"When ((?:{_AUX}) .+)", "In what month of which year {1}", fits=_MONTH.fullmatch),
    _form(rf"(?:In|On) (?:what|which) (?:year|date|day) ((?:{_AUX}) .+)", "When {1}"),
    _form(rf"How many (.+?) ((?:{_AUX}) .+)", "What number of {1} {2}"),
    _form(rf"How long ((?:{_DO}) .+) take\?", "How much time {1} take?", fits=_TIME.search),
    _form(
        rf"How long ((?:{_AUX}) .+)",
        "For how long {1}",
        "For how much time {1}",
        fits=_TIME.search,
        leaves=re.compile(
            r" take\b|\b(?:ago|before|after|until|apart)\b|^How long (?:is|was|are|were) (?!\w+ed)[\w' ]+\?$"
        ),
    ),
    _form(r"How long (is|was) ([^,]+)\?", "What {1} the length of {2}?", fits=_LENGTH.search, leaves=_CLAUSE),
    _form(
        r"How far (is|was|are|were) ([^,]+?) from ([^,]+)\?",
        "At what distance from {3} {1} {2}?",
        "What distance lies between {2} and {3}?",
        fits=_LENGTH.search,
        leaves=_CLAUSE,
    ),
    _form(rf"How far ((?:{_DO}) .+)", "What distance {1}", fits=_LENGTH.search, leaves=_BY_PLACE),
    _form(rf"How fast ((?:{_DO}|can|could) .+)", "At what speed {1}", "With what speed {1}"),
    _form(rf"How often ((?:{_AUX}) .+)", "How frequently {1}"),
    _form(r"How old (was|were) (.+) when (.+)", "What age {1} {2} when {3}", "At what age {1} {2} when {3}"),
    _form(
        rf"How ({'|'.join(_MEASURES)}) (is|was) ([^,]+)\?",
        "What {2} the {measure} of {3}?",
        leaves=re.compile(rf"{_CLAUSE.pattern}|ed\b"),
    ),
    _form(rf"Why ((?:{_AUX}) .+)", "For what reason {1}"),
    _form(
        rf"Who (?!(?:{_AUX})\b)(\w+ .+)",
        "Which person {1}",
        "What is the name of the person who {1}",
        fits=is_person,
    ),
    _form(r"Who (is|was) (the (?:first|last|only|\w+est) .+)", "What {1} the name of {2}", fits=is_person),
    _form(rf"Who ((?:{_DO}) .+)", "Which person {1}", fits=is_person),
    _form(
        rf"Where ((?:{_AUX}) .+)",
        "In what place {1}",
        "At which place {1}",
        leaves=re.compile(f"{_BY_PLACE.pattern}|{_MOVES.pattern}"),
    ),
    _form(r"What (is|was) the name of (the .+)\?", "What {1} {2} called?", leaves=_CLAUSE),
    _form(rf"What ([a-z]+ (?:{_AUX}) .+)", "Which {1}", leaves=re.compile(rf"^What (?:{_AUX}|\w+ed)\b")),
    _form(r"Which ([a-z]+ .+)", "What {1}"),
)
_DONE = re.compile(
    r"(Who|What|Which [a-z]+) ([a-z]+[^e]ed) ((?!by|in|on|at|to|for|with|as|from|that)[^,]+)\?"
)


def forms(question: str, answer: str) -> list[str]:
    """Other forms of `question`, whose answer is `answer`; none for one that no rule knows."""
    found = dict.fromkeys((*_same(question, answer), *_passive(question, answer)))
    found.pop(question, None)
    return list(found)


def _same(question: str, answer: str) -> Iterator[str]:
    for form in _FORMS:
        said = form.looks.fullmatch(question)
        if said and form.fits(answer) and not (form.leaves and form.leaves.search(question)):
            measure = _MEASURES.get(said[1], "")
            yield from (
                other.format(*said.group(0, *range(1, len(said.groups()) + 1)), measure=measure)
                for other in form.others
            )


def _passive(question: str, answer: str) -> Iterator[str]:
    """What "Who discovered Uranus in 1781?" asks as "By whom was Uranus discovered in 1781?": of one thing,
    by its name or with an article."""
    said = _DONE.fullmatch(question)
    if not said or (said[1] == "Who") != is_person(answer):
        return
    thing, rest = said[3], ""
    if split := _PREPOSITION.search(thing):
        thing, rest = thing[: split.start()], thing[split.start() :]
    many = thing[:1].islower() and (thing.endswith("s") or " and " in thing)
    if many or _CLAUSE.search(question) or not re.match(r"[A-Z]|(?:the|a|an) \w+", thing):
        return
    doer = "whom" if said[1] == "Who" else said[1].lower()
    yield f"By {doer} was {thing} {said[2]}{rest}?"
