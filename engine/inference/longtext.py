"""Read a document that is longer than the model's window, in memory that does not grow with it.

The model reads the document sentence by sentence as the evidence of one prompt: the instruction and the
question stay, a window of WINDOW numbered sentences follows, and each new sentence takes the place of the
oldest, whose keys and values are let go (rotate.py). Every STRIDE sentences it is asked, and what it cites
goes into the running memory: at most MAX_BULLETS sentences, the summary from which the answer is written
at the end.

It does not know what stood before its window but for the memory, and joins no facts that never met in one
window.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.records import Document
from engine.errors import ConfigError, DataError
from engine.inference import kv, pieces, prompt
from engine.inference.decode import end_tokens
from engine.inference.forward import Passes, logits
from engine.inference.model import Loaded
from engine.inference.rotate import drop, frequencies
from engine.inference.stream import collect, stream
from engine.inference.trace import Answer, Bullet
from engine.progress import Progress, Report, silent
from engine.retrieval.embed import Embedder
from engine.retrieval.sentences import Sentence
from engine.retrieval.words import words

WINDOW, STRIDE = prompt.MAX_BULLETS, 4
CITED = 0.2
NOTE_TOKENS = 24


@dataclass(frozen=True)
class Note:
    """A sentence worth remembering. `score` is its relevance (0.5 the share of the question's words in it,
    weighted by how rare they have been so far, + 0.5 cosine, as the compressor's) + CITED times the
    model's belief, 1 - P(refusal), where it was cited. `said` is what the model answered from it."""

    sentence: Sentence
    score: float
    said: str = ""


@dataclass(frozen=True)
class Reading:
    """What came of it. `bullets` is the memory in the document's order; `tokens` were read, `evicted` of
    them let go, at most `held` were in the cache at once (`bytes` with room to spare); `asked` is how
    often it was asked."""

    answer: Answer
    bullets: tuple[Bullet, ...]
    tokens: int
    evicted: int
    held: int
    bytes: int
    asked: int


@dataclass
class _Line:
    sentence: Sentence
    number: int
    tokens: int
    relevance: float = 0.0


def read(
    loaded: Loaded,
    document: Document,
    question: str,
    *,
    embedder: Embedder | None = None,
    report: Report = silent,
) -> Reading:
    """Answer `question` from the whole of `document`. Raises ConfigError for an empty question, DataError
    for a document without a sentence, ModelError for a model whose keys can't be moved."""
    if not question.strip():
        raise ConfigError("The question is empty: write one.")
    total = len(document.text)
    reading = _Window(loaded, question, embedder)
    report(Progress("read", 0, total, "characters"))
    for some in pieces.strides(pieces.cut(document.text, loaded), STRIDE):
        reading.add(some)
        reading.ask()
        report(Progress("read", some[-1].end, total, "characters"))
    if not reading.lines:
        raise DataError(f"{document.id} holds no sentence to read: check that it is text.")
    notes = sorted(reading.memory, key=lambda note: note.sentence.start)
    bullets = tuple(
        Bullet(
            number,
            note.sentence.text,
            document.id,
            0,
            note.sentence.start,
            note.sentence.end,
            note.score,
            document.place(note.sentence.start),
        )
        for number, note in enumerate(notes, 1)
    )
    return Reading(
        written(loaded, question, bullets),
        bullets,
        reading.tokens,
        reading.evicted,
        reading.most,
        reading.bytes,
        reading.asked,
    )


def written(loaded: Loaded, question: str, bullets: Sequence[Bullet]) -> Answer:
    """The answer from these bullets, greedily."""
    ids = prompt.prompt_ids(
        loaded.tokenizer, prompt.answer_messages(question, [bullet.text for bullet in bullets])
    )
    said = collect(stream(loaded, ids, refusal_token=prompt.refusal_token(loaded.tokenizer)))
    return prompt.parse(said.text, len(bullets), refusal=said.refusal, logprobs=said.logprobs)


class _Window:
    """The model with its eyes on a few sentences."""

    def __init__(self, loaded: Loaded, question: str, embedder: Embedder | None) -> None:
        self.loaded, self.embedder = loaded, embedder
        self.vector = embedder.vectors([question])[0] if embedder else None
        head, self.tail = pieces.frame(loaded, question)
        self.turns = frequencies(loaded.model)
        self.passes = Passes(loaded)
        self.asks = words(question)
        self.seen: Counter[str] = Counter()
        self.sentences = self.tokens = self.evicted = self.most = self.bytes = self.asked = 0
        self.lines: list[_Line] = []
        self.memory: list[Note] = []
        self.refusal = prompt.refusal_token(loaded.tokenizer)
        self.head = len(head)
        most = self.head + WINDOW * (pieces.LONGEST + 8) + len(self.tail) + NOTE_TOKENS
        if most > loaded.context:
            raise ConfigError(
                f"{loaded.name}'s window of {loaded.context} tokens is too short to read with: this "
                f"question takes {most}; choose a model with a longer window, or a shorter question."
            )
        self._feed(head)

    def add(self, some: Sequence[Sentence]) -> None:
        """Read at most STRIDE more sentences; as many of the oldest go as do not fit the window."""
        gone = self.lines[: max(len(self.lines) + len(some) - WINDOW, 0)]
        if gone:
            count = sum(line.tokens for line in gone)
            drop(self.passes.cache, self.head, count, self.turns)
            self.evicted += count
            del self.lines[: len(gone)]
        new: list[int] = []
        for sentence in some:
            number = self.sentences % WINDOW + 1
            self.sentences += 1
            ids = pieces.tokens(self.loaded, f"[{number}] {pieces.plain(sentence.text)}\n")
            new += ids
            self.lines.append(_Line(sentence, number, len(ids)))
            self.seen.update(set(words(sentence.text)))
        self.tokens += len(new)
        self._feed(new)
        relevances = [0.5 * self._overlap(set(words(sentence.text))) for sentence in some]
        if self.embedder:
            cosines = self.embedder.vectors([sentence.text for sentence in some]) @ self.vector
            relevances = [one + 0.5 * float(cosine) for one, cosine in zip(relevances, cosines, strict=True)]
        for line, relevance in zip(self.lines[-len(some) :], relevances, strict=True):
            line.relevance = relevance
            self._remember(Note(line.sentence, relevance))

    def ask(self) -> None:
        """Ask over the window, note what is cited, and forget that it was asked."""
        import torch

        self.asked += 1
        held, said, believed = kv.length(self.passes.cache), list[int](), 0.0
        ends = end_tokens(self.loaded)
        new = self.tail
        for place in range(NOTE_TOKENS):
            row = self._feed(new)
            if not place:
                believed = 1.0 - float(torch.softmax(row, -1)[self.refusal])
            token = int(row.argmax())
            if token in ends or (not place and token == self.refusal):
                break
            said.append(token)
            new = [token]
        kv.crop(self.passes.cache, held)
        answer = prompt.parse(self.loaded.tokenizer.decode(said), WINDOW)
        for line in self.lines:
            if line.number in answer.citations:
                self._remember(Note(line.sentence, line.relevance + CITED * believed, answer.text))

    def _feed(self, ids: list[int]) -> Any:
        import torch

        with torch.inference_mode():
            new = torch.tensor([ids], device=self.passes.device)
            row = logits(self.passes.model, new, self.passes.cache, 1)[0, -1]
        self.most = max(self.most, kv.length(self.passes.cache))
        self.bytes = max(self.bytes, kv.size(self.passes.cache))
        return row

    def _overlap(self, found: set[str]) -> float:
        """Share of the question's words in a sentence, a word the heavier the rarer it has been so far."""
        weights = {
            word: math.log(1 + (self.sentences - self.seen[word] + 0.5) / (self.seen[word] + 0.5))
            for word in self.asks
        }
        return sum(weights[word] for word in weights if word in found) / (sum(weights.values()) or 1.0)

    def _remember(self, note: Note) -> None:
        same = next((old for old in self.memory if old.sentence.text == note.sentence.text), None)
        if same:
            self.memory.remove(same)
            note = max(same, note, key=lambda one: one.score)
        self.memory.append(note)
        if len(self.memory) > prompt.MAX_BULLETS:
            self.memory.remove(min(self.memory, key=lambda one: (one.score, -one.sentence.start)))
