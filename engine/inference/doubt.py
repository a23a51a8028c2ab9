"""Why an answer is doubted, in words that name what is missing and where: "the year 1969 is not in bullet 2".

Turns a verdict's parts into one sentence. Computes no part and no score.
"""

import re
from collections.abc import Mapping, Sequence

from engine.inference.trace import Answer, Bullet
from engine.retrieval.words import words

SHOWN = 60  # characters of an answer that are quoted
NUMBER = re.compile(r"\d[\d,.]*")
NAME = re.compile(r"\b[A-Z][\w’'-]+")
_YEAR = re.compile(r"(1[0-9]|20)\d\d")
REASONS = {
    "agreement": "the reader finds another answer in the evidence",
    "answerable": "the reader finds no answer in the evidence",
    "span": "the reader is not sure of its answer",
    "standing": "the reader sees the answer in another bullet",
    "willing": "the model would rather say it does not know",
    "certain": "the model was unsure of a word of its answer",
    "sure": "the model was unsure of its answer",
    "coverage": "words of the answer are not in the cited evidence",
    "bigrams": "the answer's words do not stand together in the cited evidence",
    "similarity": "the cited evidence says something else",
    "relevance": "the cited evidence has little to do with the question",
    "retrieval": "what was found has little to do with the question",
    "asked": "the cited evidence does not speak of what was asked",
    "fresh": "the answer repeats the question",
    "fitting": "the answer is not of the kind that was asked for",
    "brief": "the answer is long",
    "samples": "asked again, the model says something else",
    "peer": "another tier says something else",
    "leading": "other bullets fit the question better",
}


def missing(answer: Answer, bullets: Sequence[Bullet]) -> str:
    """What of the answer its cited bullets (all, where it cites none) do not hold: the first number, else
    the first name, else its words."""
    cited = [bullet for bullet in bullets if bullet.number in answer.citations]
    text = " ".join(bullet.text for bullet in cited or bullets)
    where = _listed([bullet.number for bullet in cited])
    for pattern, kind in ((NUMBER, "number"), (NAME, "name")):
        for match in pattern.findall(answer.text):
            if bare(match) not in standing(pattern, text):
                shown = match.strip(".,")
                kind = "year" if kind == "number" and _YEAR.fullmatch(shown) else kind
                return f"the {kind} {shown} is not in {where}"
    lost = [word for word in answer.text.split() if set(words(word)) - set(words(text))]
    if len(lost) == 1 and len(answer.text.split()) > 1:
        return f"the word {_quoted(lost[0])} is not in {where}"
    return f"{_quoted(answer.text)} is not in {where}"


def weakest(values: Mapping[str, float]) -> str:
    """The lowest of the values that has a reason, in words."""
    known = {name: value for name, value in values.items() if name in REASONS}
    return REASONS[min(known, key=lambda name: known[name])] if known else "too little speaks for it"


def standing(pattern: re.Pattern[str], text: str) -> set[str]:
    """What of `text` a number or a name of an answer may be: the pattern's matches and all words, bare."""
    return {bare(match) for match in pattern.findall(text)} | {bare(word) for word in text.split()}


def bare(match: str) -> str:
    """A name or number without what may differ: case, thousands commas, a possessive, a full stop."""
    return re.sub(r"[’']s?$", "", match.lower().replace(",", "").strip('.()[];:!?"“”'))


def _listed(numbers: Sequence[int]) -> str:
    if not numbers:
        return "any bullet"
    *others, last = [str(number) for number in numbers]
    return f"bullets {', '.join(others)} and {last}" if others else f"bullet {last}"


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text if len(text) <= SHOWN else f'{text[:SHOWN]} …'}”"
