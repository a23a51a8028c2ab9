"""Whether what a question says of somebody is said of them in its source: "When did Halley's Comet die?" is
not asked of "Twain was born when Halley's Comet appeared, and died in 1910".

By the order of words and the commas between a subject and its verb; no parser. Where it is in doubt it says
no. English. Knows no model.
"""

import re

from engine.data.stems import FORMS, plain

_TOKEN = re.compile(r"[\w’'-]+|,|;")
_ACTIVE, _PASSIVE = ("did", "does"), ("was", "were")
_NEW = frozenset("that which who whose when because while where although though whether if so".split())
_JOIN = ("and", "but", "then")
_SMALL = frozenset("a an the of in on at to for from by with and or its his her their this that".split())
_RELATIVE = frozenset("who which that he she it they".split())
_BEFORE_PLAIN = frozenset("to will can could would must should may might not also".split())
_BEHIND_VERB = frozenset(
    "by in on at to for from with as into onto near after before during over under".split()
)
_SAME = frozenset("set put hit cut let cost spread shut".split())
_TURNS = frozenset({"launch"})  # a rocket launches a probe, and the probe launches
_BE = frozenset("is are was were be been has have had can could will would did do does".split())
APART = 2  # other words between a verb that ends a question and the answer
LEAD = 8  # words from the start of a sentence within which its subject ends


def linked(question: str, sentence: str, answer: str = "") -> bool:
    """Whether the subject of "did" or "was" in `question` stands to its verb in `sentence` as it should.
    Where who does it is asked, that is `answer`, and what is asked of a verb alone stands close to it.
    Questions of other forms pass."""
    low = [token.lower() for token in _TOKEN.findall(question) if token not in ",;"]
    start = next((place for place, word in enumerate(low) if word in (*_ACTIVE, *_PASSIVE)), None)
    doer = start is None or (low[0] == "who" and start > 1) or (low[start] in _PASSIVE and start > 3)
    if low[:1] in (["who"], ["what"]) and doer:
        return _doer(low, [token.lower() for token in _TOKEN.findall(sentence)], answer.lower())
    if start is None or start + 2 >= len(low):
        return True
    said = [token.lower() for token in _TOKEN.findall(sentence)]
    stems = [plain(token) for token in said]
    if low[start] in _ACTIVE:
        places = range(start + 2, len(low))
        verb = next((place for place in places if _changed(low[place], said, stems)), None)
        if verb is None:
            verb = next((place for place in places if _unchanged(low[place], said)), None)
        if verb is None or not _does(stems, plain(low[verb]), low[start + 1 : verb]):
            return False
        return verb < len(low) - 1 or _close(stems, plain(low[verb]), low, answer)
    verb = next((place for place in range(start + 2, len(low)) if _is_participle(low, place)), None)
    return verb is None or not _acts(stems, plain(low[verb]), plain(low[verb - 1]))


def _doer(low: list[str], said: list[str], answer: str) -> bool:
    """Whether the answer does what follows "who" or "what": it stands before the verb, with no other sentence
    between, or behind it and "by"."""
    stems, told = [plain(token) for token in said], [plain(token) for token in _TOKEN.findall(answer)]
    if len(low) < 2 or not told or plain(low[1]) not in stems or low[1] in _BE:
        return True
    size = len(told)
    ends = [place + size for place in range(len(stems) - size + 1) if stems[place : place + size] == told]
    for verb in (place for place, stem in enumerate(stems) if stem == plain(low[1])):
        for end in ends:
            between = stems[end:verb]
            if (
                end <= verb
                and between.count(",") % 2 == 0
                and (between.count(",") or not _NEW & set(between[:-1]))
            ):
                return True
            if verb < end and "by" in said[verb : end - size + 1]:
                return True
    return False


def _close(stems: list[str], verb: str, low: list[str], answer: str) -> bool:
    """Whether little else is said between a verb that ends a question and the answer: "When did Giotto
    pass?" is not asked of "passed 600 kilometres from the comet in 1986"."""
    known, told = {plain(word) for word in low}, [plain(token) for token in _TOKEN.findall(answer)]
    for place in (place for place, stem in enumerate(stems) if stem == verb):
        for start in range(place + 1, len(stems)):
            if told and stems[start : start + len(told)] == told:
                between = [word for word in stems[place + 1 : start] if word not in known | _SMALL]
                return len(between) <= APART
    return True


def _changed(word: str, said: list[str], stems: list[str]) -> bool:
    """Whether a word is the verb behind "did": the source has it in another form, or it has but one."""
    if word in _SMALL:
        return False
    places = [place for place, stem in enumerate(stems) if stem == plain(word)]
    return any(said[place] != word or word in _SAME for place in places)


def _unchanged(word: str, said: list[str]) -> bool:
    """Whether the source has a word as a verb that does not change: behind "to", "will" or several who do
    it."""
    return word not in _SMALL and any(
        other == word
        and place
        and (
            said[place - 1] in _BEFORE_PLAIN
            or (said[place - 1].endswith("s") and said[place - 1][-2] not in "'’")
        )
        for place, other in enumerate(said)
    )


def _does(stems: list[str], verb: str, subject: list[str]) -> bool:
    """Whether the subject stands before one of the places of the verb, and nothing that does something itself
    stands between them."""
    names = {plain(word) for word in subject if word not in _SMALL}
    for place in (place for place, stem in enumerate(stems) if stem == verb):
        heads = [before for before in range(place) if stems[before] in names]
        between = stems[heads[-1] + 1 : place] if heads else []
        if between[:1] == [","] and stems[: heads[-1]].count(",") % 2:
            between = between[1:]  # behind another name of the subject: "That picture, the Deep Field, shows"
        commas = between.count(",")
        apart = commas % 2 or ";" in between or (not commas and _NEW & set(between))
        if between and between[-1] in _RELATIVE:
            apart = False
        joined = not commas and any(word in between for word in _JOIN)
        if heads and not apart and not (joined and heads[-1] >= LEAD):
            return True
        if not heads and verb in _TURNS and names & set(stems[place:]):
            return True
    return False


def _is_participle(low: list[str], place: int) -> bool:
    word, after = low[place], low[place + 1 : place + 2]
    past = re.fullmatch(r"\w{2,}[^e\W]ed|\w+ied", word) or FORMS.get(word, word) != word
    return bool(past) and (not after or after[0] in _BEHIND_VERB)


def _acts(stems: list[str], verb: str, head: str) -> bool:
    """Whether the word before the participle, where the sentence begins, does what the question says was
    done to it."""
    return any(
        stem == verb and 0 < place <= LEAD and stems[place - 1] == head for place, stem in enumerate(stems)
    )
