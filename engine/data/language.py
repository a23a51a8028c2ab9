"""Which language a text is in, by lingua: two letters (ISO 639-1), or none where it can't be told. Knows no
filter."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from engine.errors import ConfigError

SEEN = 240  # letters that are looked at, from the middle: titles and menus stand at the ends
ENGLISH = frozenset("the and of is was that with for are this which from have were been their would".split())
SURE = 0.14  # share of such words that no other language has
BATCH = 2_000
LEAST = 20


def languages(texts: Sequence[str]) -> list[str]:
    """The language of each text; empty where it is too short or can't be told."""
    found = ["en" if _english(text) else "" for text in map(_middle, texts)]
    asked = [
        place for place, language in enumerate(found) if not language and len(texts[place].strip()) >= LEAST
    ]
    for start in range(0, len(asked), BATCH):
        places = asked[start : start + BATCH]
        told = _detector().detect_languages_in_parallel_of([_middle(texts[place]) for place in places])
        for place, language in zip(places, told, strict=True):
            found[place] = language.iso_code_639_1.name.lower() if language else ""
    return found


def check(codes: Sequence[str]) -> None:
    """Raise ConfigError for a code of no language that can be told."""
    from lingua import Language

    known = {language.iso_code_639_1.name.lower() for language in Language.all()}
    wrong = next((code for code in codes if code not in known), None)
    if wrong is not None:
        raise ConfigError(
            f"The language {wrong[:20]!r} cannot be used: give codes of two letters, such as en,de: "
            f"{', '.join(sorted(known))}."
        )


def _english(text: str) -> bool:
    words = text.lower().split()
    return len(words) >= 8 and sum(word in ENGLISH for word in words) / len(words) >= SURE


def _middle(text: str) -> str:
    start = max(0, (len(text) - SEEN) // 2)
    return text[start : start + SEEN]


@lru_cache(maxsize=1)
def _detector() -> Any:
    from lingua import LanguageDetectorBuilder

    return LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
