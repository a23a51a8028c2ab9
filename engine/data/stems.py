"""The words of a question and of its source, made comparable: stems, irregular forms as their plain one, and
the words that any question may use. English. Knows no question.
"""

import re
from functools import lru_cache

from engine.retrieval.words import words

_PIECES = re.compile(r"[\w’'-]+")
FORMS = {  # irregular forms, so that "find" is not new where the source says "found"
    form: one
    for one, forms in {
        "be": "born", "have": "has had",
        "begin": "began begun", "break": "broke broken", "bring": "brought", "build": "built",
        "buy": "bought", "catch": "caught", "choose": "chose chosen", "come": "came", "draw": "drew drawn",
        "drive": "drove driven", "eat": "ate eaten", "fall": "fell fallen", "find": "found",
        "fly": "flew flown", "feel": "felt", "flee": "fled", "freeze": "froze frozen", "get": "got",
        "give": "gave given", "go": "went gone", "grow": "grew grown", "hang": "hung", "hear": "heard",
        "hide": "hid hidden", "hold": "held", "keep": "kept", "know": "knew known", "lead": "led",
        "leave": "left", "lie": "lay lain lying", "lose": "lost", "make": "made", "mean": "meant",
        "meet": "met", "pay": "paid", "ride": "rode ridden", "rise": "rose risen", "run": "ran",
        "say": "said", "see": "saw seen", "sell": "sold", "send": "sent", "set": "set",
        "shake": "shook shaken", "shine": "shone", "shoot": "shot", "show": "shown", "sink": "sank sunk",
        "sit": "sat", "speak": "spoke spoken", "spend": "spent", "spin": "spun", "stand": "stood",
        "steal": "stole stolen", "stick": "stuck", "strike": "struck", "swim": "swam", "take": "took taken",
        "teach": "taught", "tear": "tore torn", "tell": "told", "think": "thought", "throw": "threw thrown",
        "wear": "wore worn", "win": "won", "write": "wrote written", "die": "death dead",
        "marry": "marriage", "discover": "discovery", "launch": "launched",
        "far": "farther farthest",
    }.items()
    for form in forms.split()
}  # fmt: skip


def plain(word: str) -> str:
    """The stem of one word, an irregular form as its plain one, so that "found" is "find"."""
    low = word.lower().removesuffix("'s").removesuffix("’s")
    found = words(FORMS.get(low, low))
    return found[0] if found else low


def stems(text: str) -> set[str]:
    """The stems of the words of `text`, irregular forms as their plain one ("found" as "find")."""
    plain = " ".join(FORMS.get(piece, piece) for piece in _PIECES.findall(text.lower()))
    return set(words(plain))


@lru_cache(maxsize=1)
def free() -> frozenset[str]:
    """The stems of words that ask, and may stand in any question."""
    return frozenset(
        words(
            "name named call called many much long far year date month day number kind type sort person "
            "people place country city thing happen happened use used planet moon country take took "
            "reason percentage percent share size age long time first describe described located location "
            "part two who whom whose what which when where why how do did does have has had can could "
            "would will should may might must being both many several because since due order big deep "
            "high old fast tall wide thick heavy hot cold large often need"
        )
    )
