"""What can be asked about in an index: sentences of prose, and the spans in them that could be answers.

The order is drawn by a seed, sentence by sentence, so that a run that is out of time has asked about all
documents alike. Knows no model.
"""

import random
import re
from dataclasses import dataclass

from engine.data.spans import FUNCTION, LENGTH, TIME, Span, spans
from engine.data.stems import FORMS
from engine.retrieval.compress import is_heading
from engine.retrieval.index import Index

WINDOW = 2  # sentences before and after that are read with a source
KIND_OF = {
    "when": "number",
    "quantity": "number",
    "why": "why",
    "term": "fact",
    "name": "fact",
    "phrase": "fact",
}
OPENINGS = {  # what a question that asks for a span of this rule may begin with
    "when": ("When", "In", "On", "What"),
    "quantity": ("How", "What", "By"),
    "why": ("Why", "What", "For"),
    "name": ("Who", "Where", "What", "Which", "In"),
    "term": ("What", "Which", "How"),
    "phrase": ("What", "Who", "Which"),
}
FIRST_CHOICE = {"when": ("When",), "quantity": ("How",), "why": ("Why",)}
_FIRST = {"why": 0, "when": 1, "quantity": 1, "term": 2, "name": 2, "phrase": 3}
_CODE = re.compile(
    r"```|^\s*(?:\||>|\$ |#\[|//|<|\{)|[{};]\s*$|::\w+\(|=>|->|\b(?:fn|let|def|impl|pub) \w+|</?\w+>|\]\("
)
_LETTERS = re.compile(r"[A-Za-z]")
_WORD = re.compile(r" ([a-z][\w-]*)")
_FOLLOWS = re.compile(  # what may stand behind a name that is a thing by itself: a function word or a verb
    rf"(?:{'|'.join(FUNCTION)}|also|later|first|now|once|still|often|again|soon|"
    r"\w+(?:ed|es|[^s]s|ing|ly)|"
    rf"{'|'.join(FORMS)})"
)
_PHRASE = re.compile(r"(?:an?|the) (?!(?:same|other|following|next|such|whole|entire)\b)[\w-]+ [\w-]+")
_VERB_IN = re.compile(rf" (?:\w+ed|\w+ing|{'|'.join(FORMS)})$")
_MEASURE = re.compile(rf"{LENGTH}|{TIME}|gram|pound|ton|degree|percent|%|million|billion|times|[$€£]")
_OF = re.compile(r"\b(?:of|on|at|to|around|with|for|from|into|and) (?:the )?$")
_IN = re.compile(r"\b(?:in|by|called|named|near) (?:the )?$")
LEAST_WORDS, MOST_WORDS = 5, 60


@dataclass(frozen=True)
class Source:
    """A span in a sentence in a chunk: `rule` is the span's (engine/data/spans.py), `start` its place in the
    sentence, `context` the sentences around it that the reader is given, `title` the document's."""

    chunk: int
    document: str
    title: str
    sentence: str
    answer: str
    rule: str
    context: str
    start: int

    @property
    def before(self) -> str:
        """What the sentence says before the answer."""
        return self.sentence[: self.start]

    @property
    def after(self) -> str:
        """What the sentence says after the answer."""
        return self.sentence[self.start + len(self.answer) :]

    @property
    def kind(self) -> str:
        """What is asked for: a fact, a number, a reason."""
        return KIND_OF[self.rule]


def sources(index: Index, per_sentence: int, kinds: frozenset[str], rng: random.Random) -> list[list[Source]]:
    """For each sentence of prose, in an order drawn by `rng`, its spans of the wanted kinds: reasons, dates
    and quantities before names, those before other phrases, `per_sentence` at most."""
    found = []
    for place, chunk in enumerate(index.chunks):
        texts = [sentence.text for sentence in chunk.sentences]
        for row, text in enumerate(texts):
            if not is_prose(text):
                continue
            options = [
                span
                for span in spans(text)
                if KIND_OF[span.kind] in kinds and _stands(span, text[span.end :])
            ]
            rng.shuffle(options)
            options.sort(key=_rank)
            context = " ".join(
                other for other in texts[max(0, row - WINDOW) : row + WINDOW + 1] if not is_heading(other)
            )
            if options:
                found.append(
                    [
                        Source(
                            place,
                            chunk.document,
                            chunk.title,
                            text,
                            span.text,
                            span.kind,
                            context,
                            span.start,
                        )
                        for span in options[:per_sentence]
                    ]
                )
    rng.shuffle(found)
    return found


def likely(source: Source) -> bool:
    """Whether a question about `source` is likely to be kept. On the sample `space` 36 of 100 of these were
    and 6 of 100 others: reasons, dates and measures ask for themselves, a name that tells of what or whither
    something is does not."""
    if source.rule in ("when", "why", "term"):
        return True
    if source.rule == "quantity":
        return bool(_MEASURE.search(source.answer))
    if source.rule == "name":
        long = " " in source.answer or bool(_IN.search(source.before))
        return long and not _OF.search(source.before)
    return source.answer.startswith("a")


def _stands(span: Span, after: str) -> bool:
    """Whether a span is a thing by itself: no name that tells which of something ("Dutch spyglass"), no
    phrase without an article or with a verb in it."""
    if span.kind == "name":
        follows = _WORD.match(after)
        return not follows or bool(_FOLLOWS.fullmatch(follows[1]))
    if span.kind == "phrase":
        return bool(_PHRASE.match(span.text)) and not _VERB_IN.search(span.text)
    return True


def _rank(span: Span) -> int:
    return _FIRST[span.kind]


def openings(source: Source, asked: str = "") -> tuple[str, ...]:
    """What a question about `source` may begin with; not with the word of `asked`, which was not kept."""
    if not asked:
        return FIRST_CHOICE.get(source.rule, OPENINGS[source.rule])
    left = [word for word in OPENINGS[source.rule] if not asked.startswith(f"{word} ")]
    return tuple(left)


def is_prose(text: str) -> bool:
    """Whether a sentence states something in words: no heading, no code, no table row, no fragment."""
    if is_heading(text) or _CODE.search(text):
        return False
    letters = len(_LETTERS.findall(text))
    return LEAST_WORDS <= len(text.split()) <= MOST_WORDS and letters > 0.6 * len(text)
