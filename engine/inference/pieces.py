"""What longtext.py reads, piece by piece: the prompt around the evidence, and a document's sentences, none of
them long and none of them mistaken for a part of the prompt. Runs no model.
"""

import re
from collections.abc import Iterator
from itertools import islice

from engine.inference import prompt
from engine.inference.model import Loaded
from engine.retrieval.compress import is_heading
from engine.retrieval.sentences import Sentence, sentences

LONGEST = 96  # tokens of a sentence
MARK = "QQQQ"


def frame(loaded: Loaded, question: str) -> tuple[list[int], list[int]]:
    """The prompt's tokens before its evidence, and those after it."""
    text = prompt.render(loaded.tokenizer, prompt.answer_messages(question, [MARK]))
    before, _, after = text.rpartition(f"[1] {MARK}\n")
    return tokens(loaded, before), tokens(loaded, after)


def tokens(loaded: Loaded, text: str) -> list[int]:
    """The ids of a text that stands somewhere in a prompt."""
    return list(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])


def plain(text: str) -> str:
    """One line in which nothing looks like a line's number."""
    return re.sub(r"\[(\d+)\]", r"[ \1 ]", " ".join(text.split()))


def strides(found: Iterator[Sentence], size: int) -> Iterator[list[Sentence]]:
    """`size` sentences at a time, fewer at the end."""
    while some := list(islice(found, size)):
        yield some


def cut(text: str, loaded: Loaded) -> Iterator[Sentence]:
    """The sentences of a text but for headings, those longer than LONGEST tokens cut at blanks."""
    for sentence in sentences(text):
        if is_heading(sentence.text):
            continue
        clean = prompt.harmless(loaded.tokenizer, sentence.text)
        if len(tokens(loaded, clean)) <= LONGEST:
            yield sentence._replace(text=clean)
            continue
        for piece in re.finditer(rf"\S.{{0,{LONGEST - 1}}}(?=\s|$)|\S{{1,{LONGEST}}}", sentence.text, re.S):
            start = sentence.start + piece.start()
            yield Sentence(prompt.harmless(loaded.tokenizer, piece[0]), start, start + len(piece[0]))
