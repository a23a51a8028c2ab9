"""Words as lexical search sees them: lower case, Snowball stems, English stop words out. Shared by
BM25 and the compressor."""

import re
from functools import lru_cache

_WORD = re.compile(r"\w+")


@lru_cache(maxsize=1)
def _stemmer():  # type: ignore[no-untyped-def]
    import Stemmer

    return Stemmer.Stemmer("english")


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """The English stop words that bm25s carries."""
    from bm25s.stopwords import STOPWORDS_EN

    return frozenset(STOPWORDS_EN)


def words(text: str) -> list[str]:
    """The stems of `text` in order, with repeats."""
    found = [word for word in _WORD.findall(text.lower()) if word not in stop_words()]
    return list(_stemmer().stemWords(found))
