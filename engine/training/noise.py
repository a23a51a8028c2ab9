"""Exchange words of a training question for near ones, so that a model does not learn to look for the same
words in question and evidence.

Near words are neighbours in the embedder's own word table (its input embeddings), other than inflections of
the same word. The result is noise to train with, often no good question to read. Needs no other model.
"""

import random
import re
from functools import lru_cache

from engine.retrieval.embed import Embedder

NEAREST = 8
LEAST_COSINE = 0.33
SAME_WORD = 4  # words that share so many first letters count as one word
_PIECE = re.compile(r"\w+|\W+")
_KEEP = frozenset(
    "a an the of in on at to for from by with and or is are was were be been being it its this that these "
    "those which who whom whose what when where why how do does did has have had as many much long far old "
    "often first last one two three four five six seven eight nine ten eleven twelve thirteen fifteen "
    "sixteen eighteen nineteen twenty thirty forty fifty sixty hundred thousand million billion half there "
    "their his her he she man woman men women boy girl person people second minute hour day week month year "
    "decade century seconds minutes hours days weeks months years decades centuries".split()
)


def noised(question: str, near: dict[str, list[str]], rng: random.Random, share: float = 0.8) -> str:
    """`question` with about `share` of its lower-case content words replaced by a near one; names, numbers
    and question words stay."""
    pieces = []
    for piece in _PIECE.findall(question):
        options = near.get(piece, []) if piece.islower() and piece not in _KEEP else []
        pieces.append(rng.choice(options) if options and rng.random() < share else piece)
    return "".join(pieces)


@lru_cache(maxsize=1)
def near_words(coder: Embedder) -> dict[str, list[str]]:
    """For each whole word of the embedder's vocabulary, the near ones (cosine of the centred table
    at least LEAST_COSINE)."""
    import torch

    table = coder.model[0].auto_model.get_input_embeddings().weight.detach().float().cpu()
    vocabulary = {place: word for word, place in coder.model.tokenizer.get_vocab().items()}
    places = [
        p
        for p in sorted(vocabulary)
        if vocabulary[p].isascii() and vocabulary[p].isalpha() and len(vocabulary[p]) > 2
    ]
    vectors = torch.nn.functional.normalize(table - table.mean(0), dim=1)[places]
    found: dict[str, list[str]] = {}
    for start in range(0, len(places), 2048):
        cosines, nearest = (vectors[start : start + 2048] @ vectors.T).topk(NEAREST + 1, dim=1)
        for row, (scores, others) in enumerate(zip(cosines.tolist(), nearest.tolist(), strict=True)):
            word = vocabulary[places[start + row]]
            options = [
                vocabulary[places[other]]
                for score, other in zip(scores, others, strict=True)
                if score >= LEAST_COSINE
            ]
            found[word] = [other for other in options if not _same(word, other)]
    return found


def _same(word: str, other: str) -> bool:
    return word == other or word.startswith(other[:SAME_WORD]) or other.startswith(word[:SAME_WORD])
