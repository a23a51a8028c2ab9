"""Whether a written question survives: its words, the writer's own doubt, then the way there and back: the
retriever finds its source, the reader answers the span back from it (round-trip consistency: Alberti and
others 2019, "Synthetic QA Corpora Generation with Roundtrip Consistency"). What costs least is asked first,
and only what is left is shown to the next. Knows no writer.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.data.contamination import Held
from engine.data.derive import Derived
from engine.data.records import Question
from engine.data.repeated import Seen
from engine.data.sift import KEPT, wrong
from engine.data.sources import Source
from engine.evaluation.metrics import f1
from engine.inference.extract import Found
from engine.inference.tiers import Reads
from engine.retrieval.compress import compress
from engine.retrieval.index import Index
from engine.retrieval.search import search

DOUBTED, NOT_FOUND, NOT_READ = "the writer doubted it", "source not retrieved", "not answered back"
KNOWN, REPEATED = "like an evaluation question", "repeated"
STILL_ANSWERED = "answered by a passage after all"
NOTHING = 0.9  # least probability of "no answer" in each passage found for a question without one
SAME_ANSWER, UNSURE = 0.7, 0.3
BULLETS = 8


def answers_back(found: Found, answer: str) -> bool:
    """Whether the reader gives the answer back and is sure that there is one."""
    return f1(found.text, [answer]) >= SAME_ANSWER and found.none <= UNSURE


class Try(NamedTuple):
    """A question that may be kept, and whether its writer was less sure of it than of most."""

    source: Source
    question: str
    doubted: bool = False


class Gate:
    """What was kept so far, and the checks of what comes. `avoid` are the questions of the evaluation."""

    def __init__(self, index: Index, reader: Reads, avoid: Sequence[Question], k: int) -> None:
        self.index, self.reader, self.k = index, reader, k
        self.held = Held(avoid, index.embedder)
        self.seen = Seen()

    def remember(self, tries: Sequence[Try], vectors: Any = None) -> None:
        """Let no later question be one of these, nor nearly one with the same answer."""
        if vectors is None:
            vectors = self.index.embedder.vectors([one.question for one in tries])
        for one, vector in zip(tries, vectors, strict=True):
            self.seen.add(one.question, one.source.answer, vector)

    def verdicts(self, tries: Sequence[Try], *, reworded: bool = False) -> list[str]:
        """KEPT or why not, for each; what is kept is remembered. A reworded question, whose words were looked
        at before, may be near the one it was made of and miss its source."""
        found = ["" if reworded else self._by_words(one) for one in tries]
        left = [place for place, verdict in enumerate(found) if not verdict]
        vectors = dict(zip(left, self.index.embedder.vectors([tries[p].question for p in left]), strict=True))
        served = {} if reworded else self._search(tries, vectors)
        for place, vector in vectors.items():
            if self.held.leaks(tries[place].question, vector):
                found[place] = KNOWN
            elif not reworded and place not in served:
                found[place] = NOT_FOUND
        self._read(tries, found, {place: tries[place].source.sentence for place in left})
        self._read(tries, found, served)
        for place in left:
            one = tries[place]
            if found[place]:
                continue
            if self.seen.holds(one.question, one.source.answer, vectors[place], near=not reworded):
                found[place] = REPEATED
            else:
                found[place] = KEPT
                self.remember([one], [vectors[place]])
        return found

    def derived(self, one: Derived) -> str:
        """KEPT or why not, for a question that was made by rule of kept ones."""
        source = Try(one.sources[-1], one.question)
        (vector,) = self.index.embedder.vectors([one.question])
        hits = search(self.index, one.question, self.k, vector=vector)
        if self.seen.holds(one.question, one.answer, vector, near=False):
            return REPEATED
        if self.held.leaks(one.question, vector):
            return KNOWN
        if not one.answer:
            read = self.reader.read([one.question] * len(hits), [hit.chunk.text for hit in hits])
            if min((back.none for back in read), default=1.0) < NOTHING:
                return STILL_ANSWERED
        else:
            if not {hit.position for hit in hits} & {source.chunk for source in one.sources}:
                return NOT_FOUND
            (back,) = self.reader.read([one.question], [" ".join(s.context for s in one.sources)])
            if not answers_back(back, one.answer):
                return NOT_READ
        self.remember([source], [vector])
        return KEPT

    def _by_words(self, one: Try) -> str:
        return wrong(one.question, one.source) or (DOUBTED if one.doubted else "")

    def _search(self, tries: Sequence[Try], vectors: dict[int, Any]) -> dict[int, str]:
        """What would be served for each question whose source is among it: the bullets, as one text."""
        served = {}
        for place, vector in vectors.items():
            one = tries[place]
            hits = search(self.index, one.question, self.k, vector=vector)
            if any(hit.position == one.source.chunk for hit in hits):
                bullets = compress(self.index, one.question, hits, BULLETS, vector=vector)
                if any(bullet.text == one.source.sentence for bullet in bullets):
                    served[place] = " ".join(bullet.text for bullet in bullets)
        return served

    def _read(self, tries: Sequence[Try], found: list[str], texts: dict[int, str]) -> None:
        """Drop those, not dropped yet, that the reader does not answer back from their text."""
        left = [place for place in texts if not found[place]]
        read = self.reader.read([tries[p].question for p in left], [texts[p] for p in left])
        for place, back in zip(left, read, strict=True):
            if not answers_back(back, tries[place].source.answer):
                found[place] = NOT_READ
