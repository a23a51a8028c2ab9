"""Whether a question asks for the kind of thing that its answer is: a time for "when", a length for "how
far", somebody for "who". By the words around the answer in its sentence. English. Knows no model.
"""

import re

from engine.data.sources import Source
from engine.data.spans import LENGTH, TIME
from engine.data.stems import FORMS, free, plain, stems
from engine.retrieval.words import words

_UNITS = {  # what a question with these words is answered in
    r"how (?:long|much time)": rf"{TIME}|{LENGTH}",
    r"how (?:far|wide|tall|high|deep|large|big|thick|broad)|what (?:is|was) the "
    r"(?:diameter|height|depth|width|length|distance)": rf"{LENGTH}|time|degree|hectare|acre",
    r"how fast|what (?:speed|is the speed|was the speed)": r"per|an hour|a second|speed|times",
    r"how old": r"year|month|day|aged",
    r"how often": r"every|times|per|once|twice|daily|week|month|year|day|hour",
    r"how (?:hot|cold|warm)|what (?:is|was) the temperature": r"degree|celsius|kelvin|fahrenheit|°",
    r"how (?:heavy|massive)": r"gram|ton|pound|times",
}
_NUMBER = r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|" \
    r"fifty|half|once|twice|dozens?|hundreds?|thousands?|millions?|billions?)\b)"  # fmt: skip
_ASKS = {
    "when": re.compile(
        r"(?:(?:in|on|by|since|until|from) )?(?:when|(?:what|which) (?:year|date|day|month))\b"
    ),
    "quantity": re.compile(
        r"(?:(?:by|at|for|in|after|within|about|of) )?(?:how (?:many|much|long|far|fast|old|often|wide|tall|"
        r"high|deep|large|big|thick|broad|hot|cold|warm|heavy|massive|bright|dense|close|near|strong)|"
        r"(?:what|which) (?:percentage|percent|share|fraction|proportion|number|speed|temperature|distance|"
        r"age)|"
        r"what (?:is|was|are|were) the (?:\w+ )?(?:number|speed|temperature|distance|diameter|height|depth|"
        r"width|length|mass|weight|age|density|price|cost|size|period))\b"
    ),
    "why": re.compile(r"why\b|for what (?:reason|purpose)|what (?:caused|made|led)\b"),
    "name": re.compile(r"(?:\w+ )?(?:who|whom|whose|where|what|which)\b"),
    "term": re.compile(r"(?:\w+ )?(?:what|which|how)\b(?! (?:many|much|long|far))"),
    "phrase": re.compile(r"(?:\w+ )?(?:who|whom|whose|where|what|which|how)\b"),
}
_YEAR = re.compile(r"(?:\w+ )?(?:what|which) year\b")
_NAME_OF = re.compile(r"\bname of (?:the |an? )?([\w-]+)")
_IS = re.compile(r"^(?:what|who|which \w+) (?:is|was|are|were) (?:the|an?) ")
_EQUALS_BEFORE = re.compile(
    r"(?:\b(?:is|was|are|were|be|been|being|become|became|called|named|nicknamed|dubbed|as|by|under|with|remains?|it)|[,:(–-])"
    r" ?(?:the |an? |about )?$"
)
_EQUALS_AFTER = re.compile(
    r"(?:,| (?:is|was|are|were|became|becomes|remains?|served|serves|leads?|led|has|had)\b)"
)
_PEOPLE_NOT = re.compile(r"\b(?:in|on|at|near|from|to|of|around|over|toward|towards|into|onto) (?:the )?$")
_PLACES = re.compile(
    r"\b(?:in|on|at|near|from|to|around|over|toward|towards|into|onto|through|off|outside|inside|above|below|"
    r"between|across|beneath|under|along|for|reached|visited|left|called|named) (?:the )?$"
)
_PARTICIPLE = re.compile(rf"\b(?:\w+ed|{'|'.join(FORMS)}|set|put|cut|hit|built|lost)\b")
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b"
)
_ASKING = frozenset(
    "is was are were do does did has have had can could would will year date day month kind type sort "
    "country city".split()
)
_FROM = re.compile(r"\bfrom the (\w+)")
_TIMES = re.compile(r"times (?:the|as|mo|it|th)")
_TOWARD = re.compile(
    r"\b(?:to|go|move|travel|send|fly|sail|head|lead|take|bring|carry|return|deliver|transfer|come)\b"
)
_EVERY, _WITHIN = re.compile(r"\bevery $"), re.compile(r"\b(?:in|within) $")
_ABOUT = re.compile(
    r"(?:about|roughly|nearly|almost|only|around|some|approximately|over|more than|less than) $"
)
_SINCE = re.compile(r" (after|before|later|earlier|ago|apart|old)\b")
_THING = re.compile(
    r"\d|\b(?:Probe|Telescope|Spacecraft|Mission|Station|Program|Project|Orbiter|Lander|Horizons|Sea|Ocean|River|"
    r"Lake|Mountains?|Mount|City|Valley|Crater|Belt|Clouds?|Galaxy|Nebula|Spot|Comet|Prize|Book)\b"
)
CLAUSE = 0.5  # least share of what a reason is given for that a "why" must name


def fits(question: str, source: Source) -> bool:
    """Whether `question` can be answered by what `source` has as its answer."""
    low = question.lower()
    if not _ASKS[source.rule].match(low) or re.match(r"(?:What|Which) [A-Z]", question):
        return False
    if source.rule == "quantity":
        return _quantity(low, source)
    if source.rule == "when":
        if not re.match(r"(?:when|(?:in |on )?(?:what|which) \w+) (?:is|was|are|were)\b", low):
            return True
        said = [found for found in _PARTICIPLE.findall(low) if found in source.before]
        return bool(_PARTICIPLE.search(low)) and not any("," in source.before.rsplit(one)[-1] for one in said)
    if source.rule == "why":
        told = stems(source.before) - free()
        return len(stems(question) & told) >= CLAUSE * len(told)
    return _thing(low, source)


def _quantity(low: str, source: Source) -> bool:
    """A number of what is counted, or a measure in a unit that answers the question."""
    told = f"{source.answer} {' '.join(source.after.split()[:2])}".lower()
    before = _ABOUT.sub("", source.before)
    for asks, unit in _UNITS.items():
        if re.match(rf"(?:\w+ )?{asks}", low) and not re.search(unit, told):
            return asks == "how old" and before.endswith("aged ")
    if source.rule == "quantity" and (
        source.answer.endswith(" of all") or _TIMES.search(source.answer + source.after[:4])
    ):
        return False  # "1.5 times" of what is said behind it
    if not _AUXILIARY.search(low) or (
        _FROM.search(low) and (other := _FROM.search(told)) and other[1] not in low
    ):
        return False
    if re.match(r"how much\b", low) and re.search(rf"{LENGTH}|degree", told):
        return False
    if re.match(r"(?:\w+ )?how far\b", low) and re.match(r" (?:across|wide|in diameter)", source.after):
        return False
    if low.endswith("have?") and not re.search(r"\b(?:has|have|had) $", before):
        return False
    lasting = re.match(r"how long (?:is|was|are|were)\b", low)
    if lasting and re.search(TIME, told) and not _PARTICIPLE.search(low):
        return False
    if re.match(r"(?:\w+ )?how long\b", low):
        if before.endswith("after ") or before.endswith("after only "):
            return False
        if _EVERY.search(before) or (_WITHIN.search(before) and not re.search(r"\b(?:take|need)s?\b", low)):
            return False
        since = _SINCE.match(f" {source.answer.split()[-1]} ") or _SINCE.match(source.after)
        if since and since[1] not in low:
            return False
    if many := re.match(r"(?:\w+ )?how many ((?:\w+ ){1,3})", low):
        return bool(set(words(many[1])) & set(words(told)))
    return bool(re.search(_NUMBER, source.answer.lower()))


def _thing(low: str, source: Source) -> bool:
    """What something is is said to be it; somebody has a name of two words; a place has a preposition."""
    if _YEAR.match(low) and not re.search(r"\d", source.answer):
        return False
    named = _NAME_OF.search(low)
    if named and (named[1] not in source.sentence.lower() or len(stems(low) - free()) < 3):
        return False
    if re.match(r"what (?:does|did|do) .*\bhave\?$", low) or not _sort(low, source):
        return False
    if not low.startswith("who") and (named or _IS.match(low)):
        return bool(_EQUALS_BEFORE.search(source.before) or _EQUALS_AFTER.match(source.after))
    if re.match(r"who\b", low):
        name = source.answer
        somebody = name[:1].isupper() and " " in name.removeprefix("The ") and not _THING.search(name)
        equals = _EQUALS_BEFORE.search(source.before) or _EQUALS_AFTER.match(source.after)
        if _IS.match(low) and not equals:
            return False
        return somebody and not _PEOPLE_NOT.search(source.before)
    if re.match(r"where\b", low):
        gone = source.before.endswith("from ") and not re.search(r"\bfrom\b", low)
        if source.before.endswith("to ") and not _TOWARD.search(low):
            return False
        return source.rule != "phrase" and not gone and bool(_PLACES.search(source.before))
    return True


def _sort(low: str, source: Source) -> bool:
    """Whether the sort of thing that is asked for ("which planet") is spoken of around the answer."""
    found = re.match(r"(?:in )?(?:what|which) ([a-z]+) (?!of\b)", low)
    if not found or found[1] in _ASKING:
        return True
    return plain(found[1]) in {
        plain(word) for word in re.findall(r"[\w-]+", f"{source.context} {source.title}")
    }
