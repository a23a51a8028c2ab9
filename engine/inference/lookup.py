"""Draft an answer's next tokens from its own prompt (prompt lookup, Saxena 2023): a grounded answer quotes
its evidence, then cites the bullet that it quoted.

Works on text, because a word at the start of an answer is often another token than the same word within a
sentence. Drafts are only guesses: whoever uses them checks each token. Switches itself off while they are
seldom right.
"""

import re
from collections.abc import Sequence
from typing import Any

from engine.inference.model import Loaded
from engine.inference.prompt import REFUSAL, turn_end

WORDS = 4
LETTERS = 80
_BULLET = re.compile(r"\s*\[(\d{1,3})\] ")


class Acceptance:
    """Whether drafting is worth it: off while fewer than `least` of the drafted tokens are right (a
    running mean over about ten drafts), tried again every `again`-th time."""

    def __init__(self, least: float = 0.15, again: int = 16) -> None:
        self.least, self.again = least, again
        self.share, self.seen, self.skipped = 1.0, 0, 0

    @property
    def on(self) -> bool:
        """Whether drafts are being made."""
        return self.share >= self.least

    def ask(self) -> bool:
        """Whether to draft now."""
        if self.on:
            return True
        self.skipped += 1
        return self.skipped % self.again == 0

    def learn(self, drafted: int, accepted: int) -> None:
        """Of `drafted` tokens so many were right."""
        if drafted:
            self.seen += 1
            self.share += (accepted / drafted - self.share) * max(0.1, 1 / (self.seen + 3))


class Lookup:
    """A drafter for `loaded`'s tokens."""

    def __init__(self, loaded: Loaded) -> None:
        self.tokenizer = loaded.tokenizer
        self.acceptance = Acceptance()
        self._end = turn_end(loaded.tokenizer)
        self._prompt: list[int] = []
        self._text = ""
        self._cited = ""

    def draft(self, ids: Sequence[int], start: int, most: int) -> list[int]:
        """At most `most` tokens that may follow `ids`, whose answer begins at `start`."""
        if not self.acceptance.ask():
            return []
        if self._prompt != list(ids[:start]):
            self._prompt, self._cited = list(ids[:start]), ""
            self._text = self.tokenizer.decode(self._prompt)
        said = list(ids[start:])
        text = self.tokenizer.decode(said)
        follows, over = self._follows(text)
        if not follows and not over:
            return []
        return self._tokens(said, text, follows, over)[:most]

    def learn(self, drafted: int, accepted: int) -> None:
        """Of `drafted` tokens so many were right."""
        self.acceptance.learn(drafted, accepted)

    def _follows(self, text: str) -> tuple[str, bool]:
        """What may follow the answer so far, and whether the answer is over then."""
        if REFUSAL.startswith(text.strip()):
            return REFUSAL[len(text.strip()) :], True
        if text.endswith("[") and self._cited:
            return f"{self._cited}]", True
        if text.endswith("]"):
            return "", True
        words = list(re.finditer(r"\S+", text))
        for first in [words[0], *words[-WORDS:]] if words else []:
            place = self._find(text[first.start() :])
            if place is not None:
                line = self._text[place : place + LETTERS].partition("\n")[0]
                return line, False
        return "", False

    def _find(self, wanted: str) -> int | None:
        """Where the text goes on after the last place of the prompt that holds `wanted` at the start of a
        word; the bullet there is remembered as the one to cite."""
        found = list(re.finditer(rf"(?<!\w){re.escape(wanted)}", self._text))
        for match in found:
            line = self._text[self._text.rfind("\n", 0, match.start()) + 1 : match.start() + 1]
            bullet = _BULLET.match(line)
            if bullet:
                self._cited = bullet[1]
                return match.end()
        return found[-1].end() if found else None

    def _tokens(self, said: list[int], text: str, follows: str, over: bool) -> list[int]:
        end = [self._end] if over and self._end is not None else []
        whole = self._ids(text + follows)
        if whole[: len(said)] == said:
            return whole[len(said) :] + end
        return self._ids(follows) + end

    def _ids(self, text: str) -> list[int]:
        found: Any = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return list(found)
