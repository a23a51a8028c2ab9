"""Choose spans of a sentence that could be short answers: dates, quantities, names, reasons, noun phrases.

By rules over plain English text; no tagger, no model. What a rule proposes is checked later by writing a
question and reading the answer back, so rules may be wrong, but should rarely miss what people ask for.
"""

import re
from typing import NamedTuple

MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
LENGTH = r"kilomet|met(?:re|er)|mile|f(?:ee|oo)t|inch|light[- ]|astronomical|parsec|radi(?:us|i)\b"
TIME = r"second|minute|hour|day|week|month|year|decade|centur|night|generation"
FUNCTION = (
    "a an the of in on at to for from by with and or but nor so yet is are was were be been being has have "
    "had do does did will would can could may might must shall should that which who whom whose when where "
    "while because since until after before than then as if it its they them their he him his she her this "
    "these those there not no more most less least into onto over under about above below between through "
    "during without within against among across along around per both each every"
).split()
_STOP = rf"(?!(?:{'|'.join(FUNCTION)})\b)"
_SCALE = r"(?: (?:thousand|million|billion|trillion|hundred|dozen))?"
_NUMBER_WORD = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|"
    r"hundreds|thousands)"
)
_COUNT = rf"(?:(?:\$|€|£)?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?(?:th|st|nd|rd)?%?|{_NUMBER_WORD})"
_CAPITAL = r"[A-Z][\w’'.-]*[\w]"
_NAME = (
    rf"{_CAPITAL}(?:(?: (?:(?:of|for|and)(?: the)?|de|van|von|der|de la))? {_CAPITAL}"
    rf"|(?: (?:[A-Z]\.|[IVX]+|\d{{1,4}})))*"
)

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "when",
        re.compile(
            rf"\b(?:\d{{1,2}} )?{MONTH}(?: \d{{1,2}},)? \d{{4}}\b|\b{MONTH} \d{{1,2}}, \d{{4}}\b"
            r"|\b(?:1[0-9]|20)\d\d\b"
        ),
    ),
    (
        "quantity",
        re.compile(
            r"(?:\b(?:less than|more than|fewer than|at least|at most|up to|minus) )?"
            rf"(?<![\w:.,-]){_COUNT}(?![:\d]){_SCALE}(?: {_STOP}[a-z][\w-]*){{0,3}}"
            rf"(?: (?:Celsius|Fahrenheit|Kelvin)\b)?(?: (?:of|per|from) (?:the )?{_STOP}\w+)?"
        ),
    ),
    ("why", re.compile(r"\b(?:because|so that|in order to|due to)(?: of)? (?P<span>[^,;:.]{8,90})")),
    ("term", re.compile(r"`(?P<span>[^`\n]{1,200})`|(?<![\w_])_(?P<other>[^_`\n]{3,40})_(?![\w_])")),
    ("name", re.compile(rf"\b{_NAME}")),
    (
        "phrase",
        re.compile(
            rf"\b(?:(?:the|an?|its|their|his|her) )?{_STOP}[a-z][\w-]+(?: {_STOP}[\w-]+){{0,3}}"
            rf"(?: of (?:the )?{_STOP}[\w-]+(?: {_STOP}[\w-]+)?)?"
        ),
    ),
)
_VERBISH = re.compile(
    r"^(?:\w+(?:ed|ing|ly)|became|made|found|took|gave|went|began|kept|held|led|lies|lay|uses|turns?)\b"
)


# nationalities and the like, which are no names of their own
_ORIGIN = re.compile(
    r"^(?:The )?(?:\w+(?:ese|ish|ian|ean|ican)|Dutch|French|German|Greek|Soviet|Swiss|Czech|Roman|Arab|"
    r"[A-Z]\w*-[a-z]+)(?: [A-Z]\w*-?[a-z]+(?:ese|ish|ian|ean|ican))?$"
)
_HALF_BEFORE = re.compile(r"\d[\d.,]*(?: \w+)? (?:and|to|or|by|×|x) (?:about )?$|\d \w+ $")
_HALF_AFTER = re.compile(r" (?:and |to |or |by |× ?|x )?(?:about )?\d")
_LIST_BEFORE = re.compile(r"[A-Z][\w-]*, $")
_LIST_AFTER = re.compile(r",(?: [A-Z][\w-]*)+(?:,| and )")
_PERSON = re.compile(r"(?!The )[A-Z][\w.'-]+(?: (?:of|von|van|de|[A-Z][\w.'-]*))+")
_INSTITUTION = re.compile(
    r"\b(?:Agency|Observatory|University|Institute|Center|Centre|Company|Society|Council|Academy|Union|NASA|"
    r"ESA|Church|Foundation|Laboratory|Program(?:me)?|Team|Group|Police|States|Kingdom|Space)\b"
)
_BREAKS = re.compile(r"[\n\r\t]")
_LEADING = re.compile(r"(?:In|On|At|From|For|With|By|As|If|When|While|Since|After|Before|But|And|Or|So|To)\b")
_REFERENCE = re.compile(r"(?:Listing|Chapter|Figure|Table|Section|Appendix|Equation|Page)s?\b")
_NUMBERED = re.compile(r"\b[A-Z][\w-]* $")


class Span(NamedTuple):
    """`text` is sentence[start:end], on one line; `kind` names the rule: when, quantity, why, term (set as
    code or in italics), name or phrase."""

    text: str
    start: int
    end: int
    kind: str


def spans(sentence: str) -> list[Span]:
    """The candidate answers in `sentence`, in the order of the rules, none inside
    another of an earlier rule."""
    flat = _BREAKS.sub(" ", sentence)  # lines of one sentence; places stay
    taken: list[tuple[int, int]] = []
    found = []
    for kind, rule in _RULES:
        for match in rule.finditer(flat):
            start, end = match.span(next((name for name, text in match.groupdict().items() if text), 0))
            text = flat[start:end].rstrip(" .,'")
            end = start + len(text)
            if _unfit(text, kind, start, flat) or any(start < right and end > left for left, right in taken):
                continue
            taken.append((start, end))
            found.append(Span(text, start, end, kind))
    return found


def is_person(name: str) -> bool:
    """Whether `name` is that of one person, as far as it can be told: two words or more, no institution's."""
    return bool(_PERSON.fullmatch(name)) and not _INSTITUTION.search(name)


def _unfit(text: str, kind: str, start: int, sentence: str) -> bool:
    if not text or len(text.split()) > (14 if kind == "why" else 8):
        return True
    before, after = sentence[:start], sentence[start + len(text) :]
    if kind == "quantity":  # one half of "2 hours and 31 minutes", of "10 to 12", of "3.2 by 4"
        numbered = text.isdigit() and _NUMBERED.search(before)  # "Apollo 11"
        return bool(numbered or _HALF_BEFORE.search(before) or _HALF_AFTER.match(after))
    if kind == "term":
        return not 2 <= len(text) <= 40
    if kind == "name":
        if _LEADING.match(text) or _REFERENCE.match(text):
            return True
        single = " " not in text
        if single and (start == 0 or text.lower() in FUNCTION):
            return True
        if (_LIST_BEFORE.search(before) and " and " in text) or _LIST_AFTER.match(after):
            return True  # a part of "Japan, China and Korea"
        return bool(_ORIGIN.match(text)) or text in ("BC", "AD", "UTC", "Universal Time")
    if kind == "phrase":
        return len(text) < 5 or bool(_VERBISH.match(text))
    return False
