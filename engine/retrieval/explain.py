"""Why each bullet was chosen and what the bullets save, for a person who looks. Chooses nothing: search and
compress did.

It computes the parts of the compressor's score anew from the same index, so it must stay in step with
compress.py.
"""

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from engine.inference.trace import Bullet
from engine.retrieval.compress import FLOOR, PASSAGE_WEIGHT, compress
from engine.retrieval.index import Index
from engine.retrieval.search import Hit, search
from engine.retrieval.words import words


class InspectSpec(BaseModel):
    """What an answer's evidence depends on; the same bounds as an answer has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int = Field(3, ge=1, le=20, title="Chunks retrieved", description="chunks taken for the question")
    bullets: int = Field(6, ge=1, le=8, title="Most bullets", description="most sentences kept of them")
    dense_weight: float = Field(
        0.7, ge=0, le=1, title="Weight of meaning", description="share of the dense score; the rest is BM25's"
    )
    floor: float = Field(
        FLOOR, ge=0, le=1, description="when no sentence scores this much, the evidence is empty: a refusal"
    )


class Reason(NamedTuple):
    """The parts of one bullet's score: 0.5 `overlap` + 0.5 `cosine` + PASSAGE_WEIGHT `passage` = its score.

     `overlap` is the idf-weighted share of the question's words that stand in it, `shared` those words
    , `passage` the fused score of its chunk, `tokens` its length by the embedder's tokenizer."""

    bullet: Bullet
    overlap: float
    cosine: float
    passage: float
    shared: tuple[str, ...]
    tokens: int

    @property
    def words(self) -> str:
        """The reason as one sentence."""
        has = f"it holds {', '.join(self.shared)}" if self.shared else "none of the question's words is in it"
        near = "close to" if self.cosine >= 0.5 else "somewhat like" if self.cosine >= 0.25 else "unlike"
        return f"{has}; it is {near} the question in meaning; its chunk scores {self.passage:.2f}"


class Inspection(NamedTuple):
    """A question's way through one index: chunks found, bullets kept with their reasons, tokens before and
    after (by the embedder's tokenizer)."""

    hits: list[Hit]
    reasons: list[Reason]
    full_tokens: int
    bullet_tokens: int

    @property
    def saved(self) -> float | None:
        """Share of the chunks' tokens that the bullets leave out, 0..1; None when nothing was found."""
        return 1 - self.bullet_tokens / self.full_tokens if self.full_tokens else None


def inspect(index: Index, question: str, spec: InspectSpec) -> Inspection:
    """Search and compress for `question` and say why."""
    vector = index.embedder.vectors([question])[0]
    hits = search(index, question, spec.k, dense_weight=spec.dense_weight, vector=vector)
    chosen = compress(index, question, hits, spec.bullets, floor=spec.floor, vector=vector)
    lengths = index.embedder.lengths([bullet.text for bullet in chosen])
    fused = {hit.position: hit.fused for hit in hits}
    reasons = [
        _reason(index, question, vector, bullet, fused[bullet.chunk], tokens)
        for bullet, tokens in zip(chosen, lengths, strict=True)
    ]
    return Inspection(hits, reasons, sum(hit.chunk.tokens for hit in hits), sum(lengths))


def _reason(index: Index, question: str, vector: Any, bullet: Bullet, passage: float, tokens: int) -> Reason:
    asked = set(words(question))
    shared = asked & set(words(bullet.text))
    weight = sum(index.idf(word) for word in asked) or 1.0
    overlap = sum(index.idf(word) for word in shared) / weight
    chunk = index.chunks[bullet.chunk]
    place = next(n for n, sentence in enumerate(chunk.sentences) if sentence.start == bullet.start)
    cosine = float(index.sentence_vectors[index.first[bullet.chunk] + place].astype("float32") @ vector)
    written = {stem: word.strip(",.?!:;()") for word in question.split() for stem in words(word)}
    rarest = sorted(shared, key=lambda stem: (-index.idf(stem), stem))  # a set's order changes
    ordered = tuple(written.get(stem, stem) for stem in rarest)
    return Reason(bullet, overlap, cosine, passage, ordered, tokens)


def score(reason: Reason) -> float:
    """The compressor's score put together from its parts."""
    return 0.5 * reason.overlap + 0.5 * reason.cosine + PASSAGE_WEIGHT * reason.passage
