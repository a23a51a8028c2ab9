"""An extractive reader as a tier: its best span, cited by the bullet it stands in.

Knows no prompts. What a reader itself does is extract.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ConfigError, LabError
from engine.inference.extract import Found
from engine.inference.prompt import REFUSAL
from engine.inference.tiers import Asked, Reads, Said
from engine.inference.trace import Answer
from engine.progress import Report, silent

READER_PRICE = 22.6  # millions of parameters of bantam-reader
SPECIALS = 3  # tokens around question and evidence


@dataclass
class ReaderTier:
    """An extractive reader as a tier: its best span, cited by the bullet it stands in."""

    reader: Reads
    name: str = "reader"
    price: float = READER_PRICE

    @property
    def window(self) -> int:
        """In tokens, question and evidence together; 0 where the reader has none."""
        return int(getattr(self.reader, "window", 0))

    def fits(self, asked: Asked, max_new_tokens: int) -> bool:
        """As Tier: question and evidence in its window, the question in half of it."""
        if not self.window:
            return True
        question = self.counts([asked.question])[0]
        return self.tokens(asked) + SPECIALS <= self.window and question <= self.window // 2

    def tokens(self, asked: Asked) -> int:
        """As Tier; words where the reader has no tokenizer of its own."""
        return sum(self.counts([asked.question, *asked.evidence]))

    def counts(self, texts: Sequence[str]) -> list[int]:
        """As Tier."""
        tokenizer: Any = getattr(self.reader, "tokenizer", None)
        if tokenizer is None or not texts:
            return [len(text.split()) for text in texts]
        encoded = tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def answers(
        self, asked: Sequence[Asked], *, ban: bool, max_new_tokens: int, report: Report = silent
    ) -> list[Said | LabError]:
        """As Tier. It refuses where "no answer" is likelier than half, unless `ban`."""
        wrong = [self._wrong(one, max_new_tokens) for one in asked]
        read = [one for one, error in zip(asked, wrong, strict=True) if not error]
        texts = [" ".join(one.evidence) for one in read]
        found = iter(self.reader.read([one.question for one in read], texts, report=report) if read else [])
        return [
            error or Said(spanned(next(found), one.evidence, ban=ban), self.tokens(one), 0)
            for one, error in zip(asked, wrong, strict=True)
        ]

    def _wrong(self, asked: Asked, max_new_tokens: int) -> ConfigError | None:
        if not asked.evidence:
            return ConfigError("A reader answers from evidence only: switch the evidence on, or ask a model.")
        if not self.fits(asked, max_new_tokens):
            need = self.tokens(asked) + SPECIALS
            return ConfigError(
                f"Question and evidence, {need} tokens, do not fit {self.name}'s window of {self.window}: "
                "use fewer or shorter chunks or bullets."
            )
        return None


def spanned(found: Found, evidence: Sequence[str], *, ban: bool) -> Answer:
    """The reader's span as an answer: its words, cited by the bullet in which it starts. `evidence` is what
    was read, joined by blanks."""
    if not found.text or (found.none > 0.5 and not ban):
        return Answer(REFUSAL, found.text, True, refusal=found.none)
    end = 0
    for number, text in enumerate(evidence, 1):
        end += len(text) + 1
        if found.start < end:
            return Answer(found.text, found.text, False, (number,), found.none)
    return Answer(found.text, found.text, False, (), found.none)


def shares(found: Found, evidence: Sequence[str]) -> list[float]:
    """For each bullet, the reader's probability that the answer starts in it."""
    result, start = [], 0
    for text in evidence:
        result.append(found.within(start, start + len(text) + 1))
        start += len(text) + 1
    return result
